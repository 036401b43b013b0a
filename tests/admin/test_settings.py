"""The settings: declarations, page, conflicts, history, and the pattern of addresses."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy import select

from blog.config import Config
from blog.db import Database
from blog.markup import render
from blog.models.addresses import address
from blog.models.addresses.address import Address
from blog.models.audit import audit
from blog.models.audit.session import Actor
from blog.models.base import Refusal, now
from blog.models.listing import ListQuery
from blog.models.posts import change_paths, editing, path_pattern, publishing
from blog.models.posts import slug as slugs
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.settings import save_settings, setting_history, site
from blog.models.settings.save_settings import COLUMNS, SETTINGS, EditConflict, SettingUpdate
from blog.models.settings.setting import declared
from blog.models.settings.settings import GROUPS, OWN_PAGE, Settings
from blog.models.settings.site import SiteFacts
from blog.models.uploads import upload, upload_list
from blog.server import startup
from tests.support.app_client import Answer, AppClient
from tests.support.cast import Cast
from tests.support.paths import RELEASES

HERE = [
    setting
    for setting in SETTINGS.values()
    if setting.kind != "hidden" and setting.group not in OWN_PAGE
]


def facts(database: Database) -> SiteFacts:
    return database.read_now(site.facts)


def decide(database: Database, by: Any = None, **values: Any) -> list[str]:
    wishes = {name: SettingUpdate(value) for name, value in values.items()}
    changed: list[str] = database.transact_as_now(Actor(by), save_settings.save, wishes)
    return changed


# --- declarations ---


def test_every_setting_has_a_group_a_label_a_help_text_and_a_valid_default():
    for setting in SETTINGS.values():
        assert setting.group in GROUPS and setting.label, setting.name
        assert setting.help.endswith((".", "/about")) or setting.kind == "hidden", setting.name
        assert setting.type in (bool, int, str), setting.name
        if setting.default != "" and setting.name not in COLUMNS:
            setting.refuse(setting.default)


def test_names_of_settings_do_not_clash_with_columns_or_form_fields():
    kept = [setting.name for setting in declared(Settings)]
    assert len(kept) == len(set(kept)) and not set(kept) & set(COLUMNS)
    assert not {"fields", "values", "data", "faults", "errors", "ok", "check"} & set(SETTINGS)


def test_a_stored_setting_of_another_type_falls_back_to_its_default():
    kept = Settings.from_json({"comments_days": "many", "comments_trust": True, "gone": 1})
    assert (kept.comments_days, kept.comments_trust) == (0, True)


def test_every_stored_setting_is_read_back_unchanged(database, world):
    values: dict[type, Any] = {bool: True, int: 7}
    given = {
        setting.name: values[setting.type]
        for setting in declared(Settings)
        if setting.type in values and setting.kind != "hidden"
    }
    decide(database, **given)
    kept = facts(database).settings
    assert {name: getattr(kept, name) for name in given} == given


# --- the page ---


def sent_back(page: str) -> dict[str, Any]:
    """Return the form fields that a browser would submit from the unchanged page."""
    sent: dict[str, Any] = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="(\w*)"', page)
    )
    for tag in re.findall(r"<input (?!type=\"hidden\")[^>]*>", page):
        name, value = re.search(r'name="(\w+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or " checked" in tag):
            sent[name[1]] = value[1] if value else ""
    for name, text in re.findall(
        r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.S
    ):
        sent[name] = text
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        sent[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return sent


def page_of(client: AppClient, name: str = "kim") -> dict[str, Any]:
    return sent_back(client.get("/admin/settings", cookies=client.let_in(name)).text)


def save(client: AppClient, sent: dict[str, Any]) -> Answer:
    return client.post("/admin/settings", sent, cookies=client.let_in("kim"))


@pytest.mark.parametrize("setting", HERE, ids=lambda setting: setting.name)
def test_every_setting_is_on_the_page_with_label_and_help(open_client, setting):
    page = open_client.get("/admin/settings", cookies=open_client.let_in("kim")).text
    control = re.search(rf'<(input|select|textarea)[^>]* name="{setting.name}"[^>]*>', page)
    assert control, setting.name
    wanted = {bool: "checkbox", int: "number"}.get(setting.type)
    assert wanted is None or f'type="{wanted}"' in control[0]
    assert f'<label for="f-{setting.name}">' in page and f'href="#{setting.group}"' in page
    if setting.name != "address":
        assert f'id="f-{setting.name}-hint"' in page


def test_submitting_the_unchanged_page_changes_nothing(client):
    before = facts(client.database)
    answer = save(client, page_of(client))
    assert answer.status == 303 and facts(client.database) == before
    assert history(client.database) == []


def test_a_checkbox_can_be_ticked_and_unticked(client):
    save(client, page_of(client) | {"comments_trust": "on"})
    assert facts(client.database).settings.comments_trust is True
    unticked = page_of(client)
    assert unticked.pop("comments_trust") == "on"
    save(client, unticked)
    assert facts(client.database).settings.comments_trust is False


def test_submitting_a_part_of_the_page_keeps_the_other_settings(client):
    save(client, page_of(client) | {"tagline": "Of ink", "comments_trust": "on"})
    save(client, {"comments_days": "30"})
    kept = facts(client.database)
    assert (kept.tagline, kept.settings.comments_days) == ("Of ink", 30)
    assert kept.settings.comments_trust is True


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("comments_days", "-1"),
        ("comments_days", "soon"),
        ("comments", "sometimes"),
        ("comments_waiting", "0"),
        ("comments_waiting", "1001"),
        ("comments_words", "x" * 20_001),
        ("post_address", "/posts/"),
        ("post_address", "/admin/{slug}"),
        ("post_address", "{slug}"),
        ("tagline", "x" * 401),
    ],
)
def test_an_invalid_setting_is_rejected_at_its_field(open_client, name, typed):
    before = facts(open_client.database)
    answer = save(open_client, page_of(open_client) | {name: typed, "title": "Kept as typed"})
    assert answer.status == 422 and f'id="f-{name}-fault"' in answer.text
    assert "Kept as typed" in answer.text and facts(open_client.database) == before


def test_line_endings_of_multiline_settings_are_normalised(client):
    save(client, page_of(client) | {"comments_words": "casino\r\n\r\n  pills  \r\n\r\n"})
    assert facts(client.database).settings.comments_words == "casino\n\n  pills"
    assert save(client, page_of(client)).status == 303
    assert facts(client.database).settings.comments_words == "casino\n\n  pills"


# --- conflicts ---


def test_concurrent_changes_of_different_settings_are_both_saved(client):
    first, second = page_of(client), page_of(client)
    save(client, first | {"tagline": "By the first"})
    assert save(client, second | {"comments_days": "9"}).status == 303
    kept = facts(client.database)
    assert (kept.tagline, kept.settings.comments_days) == ("By the first", 9)


def test_concurrent_changes_of_the_same_setting_are_reported_and_not_saved(client):
    first, second = page_of(client), page_of(client)
    save(client, first | {"tagline": "By the first"})
    answer = save(client, second | {"tagline": "By the second", "comments_days": "9"})
    assert answer.status == 409 and 'id="f-tagline-fault"' in answer.text
    assert "By the first" in answer.text and 'value="By the second"' in answer.text
    kept = facts(client.database)
    assert (kept.tagline, kept.settings.comments_days) == ("By the first", 0)
    assert save(client, sent_back(answer.text)).status == 303
    assert facts(client.database).tagline == "By the second"


def test_concurrent_changes_to_the_same_value_are_no_conflict(database, world):
    shown = save_settings.fingerprint("tagline", "")
    database.transact_as_now(
        Actor(world.kim), save_settings.save, {"tagline": SettingUpdate("Same", shown)}
    )
    assert (
        database.transact_as_now(
            Actor(world.kim), save_settings.save, {"tagline": SettingUpdate("Same", shown)}
        )
        == []
    )
    with pytest.raises(EditConflict):
        database.transact_as_now(
            Actor(world.kim), save_settings.save, {"tagline": SettingUpdate("Other", shown)}
        )


# --- history ---


def history(database: Database) -> list[tuple[str, str, Any, Any]]:
    decisions, _ = database.read_now(setting_history.history)
    return [
        (change.by, change.choice.name, change.before, change.after)
        for change in decisions
        if change.can_go_back
    ]


def test_the_history_has_user_old_and_new_value_of_each_change(database, world):
    decide(database, by=world.kim, tagline="Of ink", comments_days=30)
    decide(database, by=world.kim, navigation="About /about\nShop /shop", comments_days=0)
    assert set(history(database)) == {
        ("Kim Keeper", "tagline", "", "Of ink"),
        ("Kim Keeper", "comments_days", 0, 30),
        ("Kim Keeper", "comments_days", 30, 0),
        ("Kim Keeper", "navigation", "About /about", "About /about\nShop /shop"),
    }


def test_the_history_is_paginated_newest_first(database, world):
    for number in range(1, 41):
        decide(database, by=world.kim, comments_days=number)
    newest, further = database.read_now(setting_history.history)
    older, end = database.read_now(setting_history.history, further)
    assert [change.after for change in newest] == list(range(40, 10, -1))
    assert [change.after for change in older][:10] == list(range(10, 0, -1)) and end == 0


def test_a_long_text_is_restored_completely(database, world):
    before = "\n".join(f"word {number}" for number in range(300))
    decide(database, by=world.kim, comments_words=before)
    decide(database, by=world.kim, comments_words="")
    [change] = [
        change for change in database.read_now(setting_history.history)[0] if change.after == ""
    ]
    assert database.transact_as_now(
        Actor(world.kim), setting_history.restore_setting, change.id, "comments_words"
    )
    assert facts(database).settings.comments_words == before


def test_values_derived_from_a_setting_are_restored_with_it(database, world):
    decide(database, by=world.kim, footer="*One*", footer_html="<em>One</em>")
    decide(database, by=world.kim, footer="*Two*", footer_html="<em>Two</em>")
    change = database.read_now(setting_history.history)[0][0]
    assert (change.choice.name, change.before, change.after) == ("footer", "*One*", "*Two*")
    database.transact_as_now(Actor(world.kim), setting_history.restore_setting, change.id, "footer")
    kept = facts(database).settings
    assert (kept.footer, kept.footer_html) == ("*One*", "<em>One</em>")


def test_a_site_icon_whose_picture_was_deleted_is_not_restored(database, world):
    name = f"ab/{'ab' * 16}.png"
    given = {"original": "logo.png", "width": 9, "height": 9, "size": 9, "type": "image/png"}
    picture = database.transact_now(upload.record_upload, name=name, **given, by=world.kim)
    decide(database, by=world.kim, logo=f"/media/{name}")
    decide(database, by=world.kim, logo="")
    gone = database.read_now(setting_history.history)[0][0]
    database.transact_as_now(Actor(world.kim), setting_history.restore_setting, gone.id, "logo")
    decide(database, by=world.kim, logo="")
    database.transact_now(upload_list.delete, [picture.id], by=world.kim)
    with pytest.raises(Refusal, match="deleted in the meantime"):
        database.transact_as_now(Actor(world.kim), setting_history.restore_setting, gone.id, "logo")
    assert facts(database).settings.logo == ""


def test_a_setting_can_be_restored_from_the_history_page(client):
    kim = client.let_in("kim")
    save(client, page_of(client) | {"tagline": "A mistake"})
    page = client.get("/admin/settings/history", cookies=kim).text
    assert "Tagline" in page and "<ins>A mistake</ins>" in page and "Kim Keeper" in page
    form = re.search(
        r'name="id" value="(\d+)"><input type="hidden" name="name" value="tagline"', page
    )
    sent = {"id": form[1] if form else "", "name": "tagline"}
    assert client.post("/admin/settings/history", sent, cookies=kim).status == 303
    assert facts(client.database).tagline == ""


@pytest.mark.parametrize("sent", [{"id": "1", "name": "title"}, {"id": "999", "name": "x"}, {}])
def test_a_setting_without_that_change_cannot_be_restored(open_client, sent):
    kim = open_client.let_in("kim")
    assert open_client.post("/admin/settings/history", sent, cookies=kim).status == 404


def test_only_admins_may_open_the_settings_and_their_history(open_client):
    for path in ("", "/history", "/addresses"):
        assert (
            open_client.get(f"/admin/settings{path}", cookies=open_client.let_in("eve")).status
            == 403
        )


# --- the pattern of addresses ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/posts/",
        "posts/{slug}",
        "//{slug}",
        "/a//{slug}",
        "/{slug}/{slug}",
        "/{year}/{year}/{slug}",
        "/{title}/{slug}",
        "/{slug",
        "/slug}",
        "/admin/{slug}",
        "/TAGS/{slug}",
        "/archive/{year}/{slug}",
        "/media/{slug}",
        "/../{slug}",
        "/./{slug}",
        "/a b/{slug}",
        "/a?b={slug}",
        "/a#{slug}",
        "/%61dmin/{slug}",
        "/\\{slug}",
        "/<b>/{slug}",
        "/a\u202e/{slug}",
        "https://x.example/{slug}",
    ],
)
def test_invalid_address_patterns_are_rejected(text):
    with pytest.raises(Refusal):
        SETTINGS["post_address"].refuse(text)


@pytest.mark.parametrize(
    "text",
    [
        "/posts/{slug}",
        "/{slug}",
        "/{year}/{month}/{slug}",
        "/{year}/{day}/{slug}.html",
        "/博客/{slug}",
    ],
)
def test_valid_address_patterns_are_accepted(text):
    SETTINGS["post_address"].refuse(text)


def test_dates_in_addresses_use_the_time_zone_of_the_site():
    moment = now().replace(year=2026, month=12, day=31, hour=23)
    assert (
        path_pattern.dated("/{year}/{month}/{slug}", moment, "Asia/Shanghai") == "/2027/01/{slug}"
    )
    assert path_pattern.dated("/{year}/{day}/{slug}", moment, "UTC") == "/2026/31/{slug}"


def publish(database: Database, world: Cast, title: str, at: Any = None, **typed: Any) -> Post:
    def work(session: Any, *, by: Any) -> Post:
        id = editing.start(session, "post", "en", by=by)
        version = editing.save(session, id, WorkingCopy(title=title, body="x", **typed), by=by)
        publishing.publish(session, id, render("x"), version, at, by=by)
        return session.get_one(Post, id)

    post: Post = database.transact_now(work, by=world.ann)
    return post


def path_of(database: Database, id: int) -> str:
    query = select(Address.path).join(Post, Post.address_id == Address.id).where(Post.id == id)
    return database.read_now(lambda session: session.scalars(query).one())


def test_a_new_pattern_applies_to_new_posts_and_not_to_old_ones(database, world):
    decide(database, post_address="/{year}/{month}/{slug}")
    post = publish(database, world, "Quite new")
    assert path_of(database, post.id) == f"{now():/%Y/%m}/quite-new"
    assert path_of(database, world.ann_live.id) == world.ann_live.path


def test_updating_a_published_post_keeps_its_address_pattern(database, world):
    post = publish(database, world, "Before the change")
    decide(database, post_address="/{slug}")

    def update(session: Any, *, by: Any) -> None:
        copy = WorkingCopy(title="Other", slug="renamed", body="y", version=post.version)
        version = editing.save(session, post.id, copy, by=by)
        publishing.publish(session, post.id, render("y"), version, by=by)

    database.transact_now(update, by=world.ann)
    assert path_of(database, post.id) == "/posts/renamed"


def test_a_draft_is_published_under_the_current_pattern(database, world):
    def begin(session: Any, *, by: Any) -> int:
        id = editing.start(session, "post", "en", by=by)
        editing.save(session, id, WorkingCopy(title="Slow cooking", body="x"), by=by)
        return id

    id = database.transact_now(begin, by=world.ann)
    decide(database, post_address="/notes/{slug}")

    def finish(session: Any, *, by: Any) -> None:
        publishing.publish(session, id, render("x"), 2, by=by)

    database.transact_now(finish, by=world.ann)
    assert path_of(database, id) == "/notes/slow-cooking"
    assert database.read_now(lambda s: s.scalars(select(Post.slug).where(Post.id == id)).one())


def test_a_slug_that_is_a_reserved_word_gets_a_suffix(database, world):
    decide(database, post_address="/{slug}")
    assert path_of(database, publish(database, world, "Tags").id) == "/tags-page"
    assert path_of(database, publish(database, world, "About").id) == "/about-2"


# --- changing addresses of published posts ---


def move_all(database: Database, world: Cast, *, brought: bool = False) -> int:
    number, after = 0, 0
    while True:
        moved = database.transact_as_now(
            Actor(world.kim), change_paths.change_batch, after, brought=brought
        )
        number, after = number + moved.number, moved.after
        if not after:
            return number


def test_addresses_of_published_posts_are_changed_and_old_ones_redirect(client):
    database, world = client.database, client.cast
    decide(database, post_address="/{year}/{slug}")
    assert move_all(database, world) == 7
    new = path_of(database, world.ann_live.id)
    assert re.fullmatch(r"/\d{4}/a-marmalade-morning", new)
    led = client.get(world.ann_live.path)
    assert (led.status, led.header("location")) == (301, new)
    assert client.get(new).status == 200 and "marmalade" in client.get("/feed.atom").text
    assert move_all(database, world) == 0
    assert client.get("/about").status == 200  # the pattern is not for pages


def test_address_changes_are_previewed_and_made_in_batches(client, monkeypatch):
    monkeypatch.setattr(change_paths, "BATCH_SIZE", 1)
    kim = client.let_in("kim")
    decide(client.database, post_address="/{slug}")
    page = client.get("/admin/settings/addresses", cookies=kim).text
    assert (
        "<code>/a-marmalade-morning</code>" in page and "<code>/posts/a-marmalade-morning" in page
    )
    assert client.get("/a-marmalade-morning").status == 404
    first = client.post("/admin/settings/addresses", {"after": "0"}, cookies=kim)
    assert first.status == 200 and "Changed so far: 5" in first.text
    rest = sent_back(first.text)
    assert client.post("/admin/settings/addresses", rest, cookies=kim).status == 303
    assert client.get("/a-marmalade-morning").status == 200


def test_imported_addresses_change_only_on_request(database, world):
    def own(session: Any) -> None:
        post = session.get_one(Post, world.ann_live.id)
        place = address.claim(session, "/2009/old.html", post.id)
        place.live_since, post.path, post.address_id = now(), "/2009/old.html", place.id

    database.transact_now(own)
    decide(database, post_address="/{slug}")
    move_all(database, world)
    assert path_of(database, world.ann_live.id) == "/2009/old.html"
    move_all(database, world, brought=True)
    assert path_of(database, world.ann_live.id) == "/a-marmalade-morning"


def test_site_facts_have_every_setting_with_a_column():
    assert set(COLUMNS) <= {field.name for field in fields(SiteFacts)}


# --- a blog of the previous release ---


@pytest.fixture
def upgraded(config: Config) -> Iterator[Database]:
    config.data_dir.mkdir()
    shutil.copy(RELEASES / "0.1.0.sqlite3", config.data_dir / "blog.sqlite3")
    startup.prepare(config)
    opened = Database(config)
    yield opened
    opened.close()


def test_posts_of_the_previous_release_keep_their_addresses(upgraded):
    decide(upgraded, post_address="/{slug}")
    query = select(Post).where(Post.kind == "post", Post.live_revision_id.is_not(None))
    for post in upgraded.read_now(lambda session: session.scalars(query).all()):
        assert post.pattern == "/posts/{slug}"
        path = upgraded.read_now(lambda session, post=post: slugs.path_for(session, post, "x"))
        assert path == "/posts/x" or post.publish_at > now()


def test_log_entries_of_the_previous_release_can_be_read(upgraded):
    entries = upgraded.read_now(audit.ENTRIES.page, ListQuery({"kind": "post"})).rows
    assert entries and all(entry.rows for entry in entries)
    assert upgraded.read_now(audit.entry, entries[0].id).changed_rows
