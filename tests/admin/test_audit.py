"""The audit log: what is recorded for each action, filters and pages, and that it is read-only."""

import ast
import base64
import inspect
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from blog.__main__ import main
from blog.admin import audit_labels
from blog.db import Database
from blog.markup import render
from blog.models.audit import action, audit, change_log
from blog.models.audit.bulk_guard import LogIsReadOnly
from blog.models.audit.change_log import Change, Touched
from blog.models.audit.session import Actor
from blog.models.base import Base, now
from blog.models.comments import moderation
from blog.models.jobs import lease, retention
from blog.models.listing import ListQuery, dry_run, for_each
from blog.models.posts import editing, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.search import search
from blog.models.settings import save_settings
from blog.models.settings.save_settings import SettingUpdate
from blog.models.tags import tag_admin
from blog.models.tags.tag import Tag
from blog.models.transfer import export
from blog.models.users import denied_access, signin, user
from blog.models.users.user import User
from tests.support import cast
from tests.support.app_client import AppClient
from tests.support.cast import Cast
from tests.support.source_tree import MODULES, Module, called, outside
from tests.web.test_access import WAYS


def last(database: Database) -> Change:
    query = select(Change).order_by(Change.id.desc()).limit(1)
    return database.read_now(lambda session: session.scalars(query).one())


def log_entries(database: Database, **query: str) -> list[audit.LogEntry]:
    words, sort = query.pop("words", ""), ""
    page = database.read_now(audit.ENTRIES.page, ListQuery(query, words=words, sort=sort))
    return list(page.rows)


# --- what is recorded ---


def columns() -> list[tuple[type[Base], str]]:
    return [
        (mapper.class_, attribute.key)
        for mapper in Base.registry.mappers
        if not mapper.class_.unaudited and mapper.class_ is not Change
        for attribute in mapper.column_attrs
    ]


@pytest.mark.parametrize(
    ("model", "name"), columns(), ids=lambda item: getattr(item, "__name__", item)
)
def test_every_column_of_every_table_is_recorded_before_and_after(model, name):
    """Record a row with one changed column, for each column, without a database."""
    from blog.models.audit import row_diff

    row = model()
    change = row_diff.record_row(row, {name: "before"}, {name: "after"}, ())
    if name in model.audit_ignored:
        assert change.columns == {}
    elif name in model.audit_secret:
        assert change.columns == {name: [row_diff.SECRET, row_diff.SECRET]}
    else:
        assert change.columns == {name: ["before", "after"]}


SECRET = re.compile(r"hash|token|secret|password")


def test_every_column_with_a_secret_is_declared_as_secret():
    """Checks all columns whose names suggest a secret, including future ones."""
    open_ = [
        f"{model.__name__}.{name}"
        for model, name in columns()
        if SECRET.search(name) and name not in model.audit_secret
    ]
    assert [item for item in open_ if item not in PUBLIC_HASHES] == []


# Hashes of public data.
PUBLIC_HASHES = {"Post.source_hash"}


def test_unaudited_tables_are_listed_with_a_reason():
    quiet = {
        mapper.class_.__tablename__ for mapper in Base.registry.mappers if mapper.class_.unaudited
    }
    assert quiet <= set(QUIET), "give the reason why a table is not audited"


QUIET = {
    "attempt": "counts of sign-in attempts; denied ones are logged",
    "touched": "a part of the log",
    "revision_author": "copied from the post with each revision",
    "revision_tag": "copied from the post with each revision",
    "lease": "which worker runs the scheduler, renewed every few seconds",
    "tally": "counts of submitted comments",
    "spam_sign": "what the spam filter has learned",
    "spam_lesson": "what the spam filter has learned",
    "moderation": "each decision is recorded with its comment",
    "unsubscribed": "hashes of email addresses, which mean nothing to readers of the log",
    "device": "browsers that were signed in before",
}


def test_changes_from_or_to_empty_values_are_recorded(database, world):
    id = world.ann_live.id
    database.transact_now(lambda s: setattr(s.get_one(Post, id), "is_listed", False))
    assert last(database).facts == {f"post:{id}": {"is_listed": [True, False]}}
    database.transact_now(lambda s: setattr(s.get_one(Post, id), "source_version", 0) or None)
    database.transact_now(lambda s: setattr(s.get_one(Post, id), "announced_at", now()))
    assert last(database).facts[f"post:{id}"]["announced_at"][0] is None


def test_an_unloaded_column_is_recorded_with_its_stored_value(database, world):
    def overwrite(session: Session) -> None:
        tag = session.scalars(select(Tag).where(Tag.slug == "python")).one()
        session.expire(tag, ["name"])
        tag.name = "Python 3"

    database.transact_now(overwrite)
    [recorded] = last(database).facts.values()
    assert recorded == {"name": ["Python", "Python 3"]}


def test_several_flushes_are_recorded_as_one_change(database, world):
    def twice(session: Session) -> None:
        row = session.get_one(User, world.ann.id)
        for bio in ("one", "two"):
            row.bio = bio
            session.flush()

    database.transact_now(twice)
    assert last(database).facts == {f"user:{world.ann.id}": {"bio": ["", "two"]}}


def test_a_value_that_was_changed_back_is_not_recorded(database, world):
    before = last(database).id

    def there_and_back(session: Session) -> None:
        row = session.get_one(User, world.ann.id)
        for name in ("Other", "Ann Archer"):
            row.display_name = name
            session.flush()

    database.transact_now(there_and_back)
    assert last(database).facts == {} and last(database).is_quiet and last(database).id > before


def test_changes_rolled_back_to_a_savepoint_are_not_recorded(database, world):
    def try_and_fail(session: Session) -> None:
        session.get_one(User, world.bob.id).bio = "kept"
        try:
            with session.begin_nested():
                session.add(Tag(name="Gone", slug="gone"))
                session.get_one(User, world.ann.id).bio = "gone"
                session.flush()
                raise LookupError
        except LookupError:
            pass

    database.transact_now(try_and_fail)
    assert list(last(database).facts) == [f"user:{world.bob.id}"]
    assert "tag:gone" not in last(database).tags


def test_a_changed_secret_is_recorded_without_its_values(database, world):
    database.transact_as_now(Actor(world.kim), user.set_password, world.ann.id, "new-hash")
    recorded = last(database).facts[f"user:{world.ann.id}"]["password_hash"]
    assert recorded == [{"secret": True}, {"secret": True}]
    assert "hash" not in json.dumps(recorded)


def test_a_deleted_row_is_recorded_with_its_name(database, world):
    database.transact_now(publishing.delete_permanently, world.ann_trashed.id, by=world.ann)
    row = last(database)
    recorded = row.facts[f"post:{world.ann_trashed.id}"]
    assert recorded["title"] == [world.ann_trashed.title, None]
    assert row.facts["revision:*"]["deleted"][1] >= 1
    assert f"post:{world.ann_trashed.id} {world.ann_trashed.title}" in row.about.splitlines()


# --- bulk statements ---


def run(database: Database, statement: Any, **options: Any) -> Change:
    with_tags = {"tags": ("users",), **options}
    database.transact_now(lambda s: s.execute(statement, execution_options=with_tags))
    return last(database)


def test_a_bulk_statement_is_recorded_with_row_count_and_new_values(database, world):
    row = run(database, update(User).where(User.role == "author").values(bio="x", language="zh"))
    assert row.facts == {
        "user:*": {"bio": [None, "x"], "changed": [None, 4], "language": [None, "zh"]}
    }


def test_a_bulk_statement_about_one_row_is_recorded_with_its_id(database, world):
    item = update(User).where(User.id == world.ann.id, User.role == "author").values(bio="x")
    assert list(run(database, item).facts) == [f"user:{world.ann.id}"]
    many = update(User).where(User.id >= world.ann.id).values(bio="y")
    assert list(run(database, many).facts) == ["user:*"]


def test_use_of_a_session_leaves_no_visible_log_entry(database, world):
    cast.sign_in(database, world.ann)
    opened = log_entries(database)[0]
    id = int(opened.rows[0].id)
    database.transact_as_now(Actor(world.ann), signin.mark_seen, id)
    assert last(database).is_quiet and log_entries(database)[0] == opened


def test_a_bulk_statement_is_recorded_without_secrets(database, world):
    row = run(database, update(User).values(password_hash="very-secret"))
    assert "very-secret" not in json.dumps(row.facts)


def test_a_bulk_statement_can_provide_its_own_facts(database, world):
    own = {f"user:{world.ann.id}": {"bio": ["", "x"]}}
    row = run(database, update(User).where(User.id == world.ann.id).values(bio="x"), facts=own)
    assert row.facts == own


def test_a_bulk_statement_that_matches_no_row_leaves_no_log_entry(database, world):
    before = last(database).id
    assert run(database, delete(Tag).where(Tag.slug == "nowhere")).id == before


def test_a_bulk_insert_is_recorded_with_its_row_count(database, world):
    row = run(database, insert(Tag).values([{"name": n, "slug": n} for n in "xyz"]))
    assert row.facts["tag:*"]["added"][1]


# --- actors and addresses ---


def test_changes_by_a_command_are_logged_under_its_name(config, capsys, monkeypatch):
    monkeypatch.setenv("BLOG_DATA_DIR", str(config.data_dir))
    monkeypatch.setattr("sys.stdin", open_text("seven quiet herons\n"))
    assert main(["create-admin", "zoe"]) == 0
    database = Database(config)
    try:
        row = last(database)
        assert (row.by_name, row.by_id, row.action) == (
            "blog create-admin",
            None,
            "user.create_admin",
        )
    finally:
        database.close()
    capsys.readouterr()


def open_text(words: str) -> Any:
    from io import StringIO

    return StringIO(words)


def test_changes_of_no_user_are_logged_without_a_name_outside_a_command(database, world):
    database.transact_now(lambda s: s.add(Tag(name="y", slug="y")))
    assert last(database).by_name == ""


def test_an_import_is_logged_under_the_name_of_its_command(
    small_blog, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("BLOG_DATA_DIR", str(small_blog.data_dir))
    (tmp_path / "2020-02-03-jam.md").write_text("---\ntitle: Jam\nauthor: ann\n---\n\nJam.\n")
    assert main(["import", str(tmp_path)]) == 0
    database = Database(small_blog)
    try:
        assert "blog import" in {row.by_name for row in database.read_now(changes)}
    finally:
        database.close()
    capsys.readouterr()


def changes(session: Session) -> list[Change]:
    return list(session.scalars(select(Change)))


def test_a_sign_in_is_logged_for_the_person_who_signs_in_whoever_was_signed_in_before(client):
    typed = {"login": "ann", "password": cast.PASSWORD}
    assert client.post("/sign-in", typed, cookies=client.let_in("kim")).status == 303
    opened = last(client.database)
    assert (opened.by_name, opened.action) == ("Ann Archer", "session.start")


def test_signing_in_and_out_is_logged_with_user_and_address(client):
    answer = client.post("/sign-in", {"login": "ann", "password": cast.PASSWORD})
    opened = last(client.database)
    assert (opened.by_name, opened.ip, audit_labels.action_text(opened.action)) == (
        "Ann Archer",
        "127.0.0.1",
        "signed in",
    )
    client.post("/sign-out", cookies=answer.cookies)
    ended = last(client.database)
    assert (ended.by_name, audit_labels.action_text(ended.action)) == ("Ann Archer", "signed out")
    assert ended.facts == {"signin:*": {"deleted": [None, 1]}}


def settle(client: AppClient) -> None:
    """Wait for the background tasks of requests, which write log entries."""
    import asyncio

    errands = [*client.app.ctx.background_tasks]
    for errand in errands:
        asyncio.run_coroutine_threadsafe(asyncio.wait([errand]), client.loop).result(20)


def test_a_failed_sign_in_is_logged_with_the_account_name(client):
    client.post("/sign-in", {"login": "ann", "password": "wrong"})
    settle(client)
    row = last(client.database)
    assert row.about == "signin:* ann" and row.facts == {
        "signin:* ".strip(): {"refused": [None, "wrong"]}
    }
    assert (row.by_id, row.ip) == (None, "127.0.0.1")


def test_a_failed_sign_in_with_an_unknown_name_is_logged_without_it(client):
    client.post("/sign-in", {"login": "my secret password", "password": "x"})
    settle(client)
    row = last(client.database)
    assert row.facts["signin:*"]["refused"] == [None, "wrong"]
    assert "secret password" not in json.dumps([row.facts, row.tags, row.about])


def test_repeated_denied_access_is_logged_once(client):
    eve = client.let_in("eve")
    before = last(client.database).id
    for _ in range(3):
        assert client.get("/admin/people", cookies=eve).status == 403
        settle(client)
    row = last(client.database)
    assert (row.by_name, row.action) == ("Eve Edgar", "access.deny_page")
    assert row.about == "door:* GET /admin/people" and row.id == before + 1


def test_repeated_denied_sign_ins_do_not_fill_the_log(database, world):
    before = last(database).id
    for _ in range(5):
        database.transact_as_now(
            Actor(ip="192.0.2.1"),
            denied_access.note_sign_in,
            "ann",
            "throttled",
            by=None,
            ip="192.0.2.1",
        )
    assert last(database).id == before + 1


# --- read-only ---


def test_routes_of_the_log_only_allow_get():
    routes = [route for route in WAYS if route.path.strip("/").startswith("admin/audit")]
    assert {route.path for route in routes} == {"admin/audit", "admin/audit/<id:int>"}
    assert {method for route in routes for method in route.methods} == {"GET"}
    assert {route.role for route in routes} == {"admin"}


REWRITING = {
    "update": update(Change).values(by_name="x"),
    "delete": delete(Change),
    "insert": insert(Change).values(action="x", tags=[], facts={}),
    "touched": delete(Touched),
    "text": text("DELETE FROM change"),
    "upper case": text('UPDATE "CHANGE" SET act = 1'),
}


@pytest.mark.parametrize("statement", REWRITING.values(), ids=REWRITING)
def test_no_statement_can_change_the_log(database, world, statement):
    before = log_entries(database)
    with pytest.raises(LogIsReadOnly):
        run(database, statement)
    assert log_entries(database) == before


def test_no_log_entry_can_be_added_changed_or_deleted(database, world):
    def spoil(session: Session) -> None:
        session.scalars(select(Change).limit(1)).one().by_name = "nobody"

    def remove(session: Session) -> None:
        session.delete(session.scalars(select(Change).limit(1)).one())

    def forge(session: Session) -> None:
        session.add(Change(action="x", by_name="Kim Keeper"))

    for work in (spoil, remove, forge):
        with pytest.raises(LogIsReadOnly):
            database.transact_now(work)


def test_only_the_commit_hook_writes_the_log():
    """Only these modules read the log, and only one adds an event to it explicitly."""
    allowed = {"audit", "setting_history", "denied_access", "change_log"}
    importers = {
        module.path.stem
        for module in MODULES
        for name in module.imports
        if name.startswith("blog.models.audit.change_log.")
        and name.rpartition(".")[2] in ("Change", "Touched")
    }
    assert importers <= allowed
    recorded = {
        module.path.stem
        for module in MODULES
        for call in module.calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == change_log.record_event.__name__
        and getattr(call.func.value, "id", "") == "change_log"
    }
    assert recorded == {"denied_access"}


# --- filters ---


@pytest.fixture
def busy(database: Database, world: Cast) -> Database:
    database.transact_as_now(
        Actor(world.kim, "192.0.2.9"), user.set_role, world.ann.id, "editor", by=world.kim
    )
    wishes = {"tagline": SettingUpdate("墨水")}
    database.transact_as_now(Actor(world.kim, "192.0.2.9"), save_settings.save, wishes)
    database.transact_as_now(
        Actor(world.eve, "198.51.100.2"), publishing.trash, world.bob_zh.id, by=world.eve
    )
    database.transact_now(signin.create_session, world.ann.id, "192.0.2.1", "Firefox")
    return database


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({"kind": "site"}, ["settings.save", "people"]),
        ({"act": "post.trash"}, ["post.trash"]),
        ({"kind": "signin"}, ["session.open"]),
        ({"words": "青花瓷"}, ["post.trash", "plant_chinese"]),
        ({"words": "198.51.100"}, ["post.trash"]),
        ({"words": "EVE edgar trash"}, ["post.trash"]),
        ({"words": "100%"}, []),
        ({"words": "trash", "kind": "user"}, []),
        ({"until": "2001-01-01 UTC"}, []),
        ({"since": "2999-01-01 UTC"}, []),
    ],
    ids=str,
)
def test_log_entries_can_be_filtered_by_action_kind_day_and_words(busy, query, actions):
    assert [entry.action for entry in log_entries(busy, **query)] == actions


def test_log_entries_can_be_filtered_by_actor(busy, world):
    assert {entry.action for entry in log_entries(busy, by=str(world.eve.id))} == {"post.trash"}
    assert {entry.action for entry in log_entries(busy, by=str(world.ann.id))} == {"session.open"}
    nobody = {entry.by for kind in ("visitor", "blog") for entry in log_entries(busy, by=kind)}
    assert nobody == {""}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Etc/GMT+12", "Etc/GMT-14"])
def test_days_of_date_filters_are_in_the_time_zone_of_the_site(busy, zone):
    everything = log_entries(busy)
    today = everything[0].at.astimezone(ZoneInfo(zone)).date()
    of_today = [
        entry for entry in everything if entry.at.astimezone(ZoneInfo(zone)).date() == today
    ]
    assert of_today
    assert log_entries(busy, since=f"{today} {zone}") == of_today
    assert log_entries(busy, since=f"{today} {zone}", until=f"{today} {zone}") == of_today
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)
    assert log_entries(busy, since=f"{yesterday} {zone}", until=f"{tomorrow} {zone}") == everything
    assert log_entries(busy, since=f"{tomorrow} {zone}") == []


@pytest.mark.parametrize("query", [{"since": "x UTC"}, {"until": "2026-02-30 UTC"}, {"since": "9"}])
def test_an_invalid_date_raises_lookup_error(database, query):
    with pytest.raises(LookupError):
        log_entries(database, **query)


def test_the_filters_offer_the_actors_and_actions_in_the_log(busy, world):
    actor_options = busy.read_now(audit.actors)
    assert {str(world.kim.id), str(world.eve.id), str(world.ann.id)} <= set(actor_options)
    assert str(world.lee.id) not in actor_options
    assert {"post.trash", "settings.save", "user.set_role"} <= set(busy.read_now(audit.actions))


# --- pages ---


def test_log_entries_are_labelled_in_both_languages(client):
    kim = client.let_in("kim")
    copy = WorkingCopy(title="Ink & water", body="x")

    ann = client.cast.ann
    id = client.database.transact_now(editing.start, "post", "en", by=ann)
    version = client.database.transact_now(editing.save, id, copy, by=ann)
    client.database.transact_as_now(
        Actor(ann, "192.0.2.5"), publishing.publish, id, render("x"), version, by=ann
    )
    page = client.get("/admin/audit", cookies=kim).text
    assert "published “Ink &amp; water”" in page and "Ann Archer" in page and "192.0.2.5" in page
    client.database.transact_now(
        user.edit_profile, client.cast.kim.id, **CHINESE, by=client.cast.kim
    )
    assert "发布：“Ink &amp; water”" in client.get("/admin/audit", cookies=kim).text


CHINESE = {"display_name": "Kim Keeper", "email": "kim@ink.example", "language": "zh"}


def test_every_function_that_an_area_hands_to_a_transaction_declares_its_action():
    """It is decorated with, for example, `@action("post.publish")`."""
    handed_on = {work for module in outside("models") for work in functions_handed_on(module)}
    assert {
        publishing.publish,
        moderation.undo,
        lease.take,
        retention.forget_addresses,
    } <= handed_on
    undeclared = {work for work in handed_on if not hasattr(work, "action_name")}
    assert undeclared - READ_ONLY == set()


# Calls that are passed functions that only read.
READERS = {"read", "read_now", "get_or_404", "check", "Filter", "Input"}
# Other functions that only read.
READ_ONLY = {
    export.site_settings,
    export.addresses,
    export.people,
    search.find,
    tag_admin.get_tag,
    user.check_password,
}


def functions_handed_on(module: Module) -> Iterator[Callable[..., Any]]:
    """Return the functions of the models that a module passes on, except to `READERS`."""
    models = models_in(module)
    calls = list(module.calls)
    passed_over = {id(call.func) for call in calls} | {
        id(node)
        for call in calls
        if called(call) in READERS
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        for node in ast.walk(argument)
    }
    for node in module.nodes:
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id in models and id(node) not in passed_over:
            function = getattr(models[node.value.id], node.attr)
            if inspect.isfunction(function):
                yield function


def models_in(module: Module) -> dict[str, ModuleType]:
    """Return the modules of the models that a module imports, by their local name."""
    return {
        alias.asname or alias.name: import_module(f"{node.module}.{alias.name}")
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("blog.models")
        for alias in node.names
        if find_spec(str(node.module)).submodule_search_locations
        and find_spec(f"{node.module}.{alias.name}")
    }


def test_every_action_has_a_label_or_leaves_no_entry():
    for module in MODULES:
        if module.part == "models":
            import_module(module.name)
    declared = set(action.declared)
    assert declared == (set(audit_labels.ACTION_LABELS) - NO_LONGER_DONE) | audit_labels.UNLOGGED
    assert not set(audit_labels.ACTION_LABELS) & audit_labels.UNLOGGED


NO_LONGER_DONE = {"settings.change"}  # labels of old entries only


@pytest.mark.parametrize(
    "name", ["post.publish", "publish", "post.", ".publish", "Post.publish", "post.publish!", ""]
)
def test_a_duplicate_or_malformed_action_name_is_rejected(name):
    with pytest.raises(ValueError, match=r"declared by|not a noun and a verb"):
        action.action(name)(lambda session: None)


def test_a_wrapped_action_keeps_its_name():
    wrapped = [
        for_each(publishing.trash),
        dry_run(for_each(publishing.trash)),
        partial(partial(publishing.trash), 1),
    ]
    assert {action.name_of(work) for work in wrapped} == {"post.trash"}
    assert action.name_of(partial(for_each(publishing.trash), ids=[1])) == "post.trash"


def test_a_function_that_declares_no_action_goes_by_its_own_name(database, world):
    """A forgotten declaration does not make a write fail."""

    def _paint_fence(session: Session) -> None:
        session.add(Tag(name="Fence", slug="fence"))

    database.transact_now(_paint_fence)
    assert last(database).action == "paint_fence"
    assert action.name_of(partial(for_each(_paint_fence))) == "paint_fence"


def test_an_action_without_a_label_is_shown_by_its_name():
    entry = audit.LogEntry(
        1, now(), None, "", "", "fence.paint_green", audit.parse_rows("fence:1 Green")
    )
    assert (audit_labels.action_text(entry.action), audit_labels.row_names(entry)) == (
        "paint green",
        ("Green",),
    )


def test_the_page_of_a_log_entry_shows_values_before_and_after(client):
    kim = client.let_in("kim")
    client.post("/admin/settings", {"tagline": "Of ink and water"}, cookies=kim)
    client.post("/admin/settings", {"tagline": "Of ink and paper"}, cookies=kim)
    page = client.get(f"/admin/audit/{last(client.database).id}", cookies=kim).text
    assert "Of ink and <del>water</del><ins>paper</ins>" in page
    assert "Tagline" in page and "Kim Keeper" in page and "127.0.0.1" in page


def test_a_log_entry_about_a_long_text_does_not_contain_it(client):
    letter = "a letter that is long" + " and long" * 30
    client.database.transact_now(
        user.edit_profile,
        client.cast.ann.id,
        display_name="Ann",
        email="",
        bio=letter,
        by=client.cast.ann,
    )
    path = f"/admin/audit/{last(client.database).id}"
    page = client.get(path, cookies=client.let_in("kim"))
    assert page.status == 200
    assert f"{len(letter)} characters" in page.text and "long and long" not in page.text


def test_use_of_a_session_is_no_option_of_the_action_filter(client):
    kim = client.let_in("kim")
    opened = log_entries(client.database, act="session.open")[0]
    client.database.transact_as_now(
        Actor(client.cast.kim), signin.mark_seen, int(opened.rows[0].id)
    )
    assert "session.seen" in client.database.read_now(audit.actions)
    page = client.get("/admin/audit", cookies=kim).text
    assert 'value="session.open"' in page and 'value="session.seen"' not in page


def test_every_log_entry_of_the_example_data_has_a_page(open_client):
    kim = open_client.let_in("kim")
    for entry in log_entries(open_client.database):
        assert open_client.get(f"/admin/audit/{entry.id}", cookies=kim).status == 200
    assert open_client.get("/admin/audit/99999", cookies=kim).status == 404


def test_names_in_the_log_are_escaped(client):
    evil = "<script>alert(1)</script>"
    client.database.transact_now(
        user.edit_profile,
        client.cast.ann.id,
        display_name=evil,
        email="",
        bio=evil,
        by=client.cast.ann,
    )
    for path in ("/admin/audit", f"/admin/audit/{last(client.database).id}"):
        page = client.get(path, cookies=client.let_in("kim")).text
        assert "<script>alert" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("name", ["ann", "eve"])
def test_only_admins_can_read_the_log(open_client, name):
    for path in ("/admin/audit", "/admin/audit/1"):
        assert open_client.get(path, cookies=open_client.let_in(name)).status == 403


# --- a hundred thousand entries ---


def fill_log(database: Database, number: int) -> None:
    """Insert log entries in bulk, bypassing the hook."""
    rows = [
        {
            "at": now() - timedelta(minutes=number - n),
            "by_id": 1 + n % 5,
            "by_name": f"Person {n % 5}",
            "ip": "192.0.2.1",
            "action": "post.save" if n % 97 else "user.set_role",
            "tags": [f"draft:{n}"],
            "facts": {f"post:{n}": {"title": ["before", f"after {n}"]}},
            "about": f"post:{n} after {n}",
            "is_quiet": False,
        }
        for n in range(number)
    ]
    with database.writing.begin() as connection:
        connection.info.pop("session", None)
        for start in range(0, number, 5000):
            connection.execute(insert(Change), rows[start : start + 5000])
        connection.execute(
            text("INSERT OR IGNORE INTO touched SELECT 'post', id FROM change WHERE id > 40")
        )


ASKED = {
    "newest": {},
    "one person": {"by": "3"},
    "a rare action": {"act": "user.set_role"},
    "a kind": {"kind": "post"},
    "a rare kind": {"kind": "site"},
    "since": {"since": "2020-01-01 UTC"},
}


@pytest.mark.slow
def test_a_page_of_a_long_log_costs_as_much_as_one_of_a_short_log(sqlite_database):
    """Compares the instructions of SQLite's virtual machine instead of times."""
    cast.fill(sqlite_database)
    fill_log(sqlite_database, 12_000)  # more than `MOST_COUNTED` rows
    most = 2 * max(steps(sqlite_database, query) for query in ASKED.values())
    fill_log(sqlite_database, 88_000)
    many = {name: steps(sqlite_database, query) for name, query in ASKED.items()}
    assert {name: number for name, number in many.items() if number > most} == {}


def steps(database: Database, query: dict[str, str]) -> int:
    """Return how many hundred instructions the first page and a page in the middle take."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    def work(session: Session) -> None:
        raw: Any = session.connection().connection.dbapi_connection
        raw.set_progress_handler(count, 100)
        audit.ENTRIES.page(session, ListQuery(query))
        audit.ENTRIES.page(session, ListQuery(query, after=middle(session)))
        raw.set_progress_handler(None, 0)

    database.read_now(work)
    return counted


def middle(session: Session) -> str:
    id = (session.scalar(select(func.max(Change.id))) or 0) // 2
    return base64.urlsafe_b64encode(f"[{id},{id}]".encode()).decode().rstrip("=")
