"""Tests that every declared content field is entered, kept, compared, exported and imported.

They take the fields from the declaration, so that a new field is tested without another line.
"""

from dataclasses import replace

import pytest
from sqlalchemy import select

from blog.admin import audit_labels
from blog.backup import front_matter
from blog.control_panel.post_form import PostForm
from blog.importer.source import post_reader
from blog.importer.source.post_reader import GeneratorDefaults
from blog.importer.source.scanner import TextFile
from blog.models.posts.content import FIELDS, REVISED, ContentField, Value, values_of
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.public.cards import CARD_FIELDS, Card
from blog.models.transfer import export

COMPARED = [name for name, field in REVISED.items() if field.compared]
EXPORTED = [name for name, field in REVISED.items() if field.front_matter]
SPECIAL: dict[str, Value] = {"slug": "another", "language": "zh", "cover": "/media/a.png"}


def another(field: ContentField) -> Value:
    """Return a valid value that differs from the one that the field has in a new post."""
    return False if field.control == "checkbox" else SPECIAL.get(field.name, f"My {field.name}")


def submitted(field: ContentField, form: dict[str, object]) -> dict[str, object]:
    """Return the form as submitted after the author has changed one field."""
    changed = {**form, field.name: another(field)}
    return {name: value for name, value in changed.items() if value is not False}


def test_the_form_has_every_field_with_its_limit() -> None:
    assert FIELDS.keys() <= PostForm.fields.keys()
    for name, field in FIELDS.items():
        if field.control in ("text", "textarea"):
            assert PostForm.fields[name].most == field.longest


def test_both_tables_have_every_field_and_the_audit_log_has_its_label() -> None:
    assert FIELDS.keys() <= set(Post.__table__.columns.keys())
    assert REVISED.keys() <= set(Revision.__table__.columns.keys())
    assert all(audit_labels.COLUMNS[name] == field.label for name, field in FIELDS.items())


def test_a_card_has_an_attribute_for_every_field_that_cards_show() -> None:
    assert set(CARD_FIELDS) <= set(Card.__dataclass_fields__)


@pytest.mark.parametrize("name", FIELDS)
def test_a_changed_field_is_saved_and_readers_do_not_see_it(ann, name) -> None:
    post = ann.client.cast.ann_live
    before = public_content(ann, post.id)
    form = submitted(FIELDS[name], ann.sheet(post.id))
    assert ann.post(f"/control-panel/posts/{post.id}/save", form).status == 303
    assert getattr(ann.row(post.id), name) == another(FIELDS[name])
    assert public_content(ann, post.id) == before


@pytest.mark.parametrize("name", ["title", "subtitle", "summary", "body", "cover", "tags"])
def test_a_page_opened_before_an_upgrade_does_not_empty_a_field_it_does_not_know(ann, name) -> None:
    id = ann.client.cast.ann_live.id
    ann.press("save", id, **{name: another(FIELDS[name])})
    form = ann.sheet(id)
    del form[name]
    assert ann.post(f"/control-panel/posts/{id}/save", form).status == 303
    assert getattr(ann.row(id), name) == another(FIELDS[name])


def test_a_subtitle_of_the_author_takes_the_place_of_an_imported_one(ann) -> None:
    id = ann.client.cast.ann_live.id

    def keep(session):
        session.get_one(Post, id).extra = {"layout": "post", "Subtitle": "Imported"}

    ann.client.database.transact_now(keep)
    assert "Imported" in front_matter.file_of(exported(ann, id)).decode()
    ann.press("publish", id, subtitle="Mine")
    ann.press("publish", id, subtitle="")
    text = front_matter.file_of(exported(ann, id)).decode()
    assert "ubtitle" not in text and "layout: post" in text


def exported(ann, id):
    return ann.client.database.read_now(export.post, id)


@pytest.mark.parametrize("name", COMPARED)
def test_a_published_field_is_in_the_history_and_can_be_restored(ann, name) -> None:
    id = ann.client.cast.ann_live.id
    first = public_content(ann, id)
    form = submitted(FIELDS[name], ann.sheet(id))
    ann.post(f"/control-panel/posts/{id}/publish", form)
    assert public_content(ann, id) == {**first, name: another(FIELDS[name])}
    path = f"/control-panel/posts/{id}/revisions/{ann.row(id).live_revision_id}"
    shown = "简体中文" if name == "language" else another(FIELDS[name])
    assert shown in ann.get(path).text
    ann.press("save", id, **first | {"is_listed": "on", "takes_comments": "on"})
    assert getattr(ann.row(id), name) == first[name]
    assert ann.post(f"{path}/bring-back").status == 303
    assert getattr(ann.row(id), name) == another(FIELDS[name])


@pytest.mark.parametrize("name", EXPORTED)
def test_an_exported_field_is_imported_again(ann, name) -> None:
    id = ann.client.cast.ann_live.id
    post = exported(ann, id)
    changed = replace(post, text={**post.text, name: another(FIELDS[name])})
    file = TextFile(ann.client.config.data_dir / "a.md", "a.md")
    text = front_matter.file_of(changed).decode()
    read = post_reader.read_post(file, text, "", GeneratorDefaults())
    assert read.content == changed.text
    assert not read.extra


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name in EXPORTED for key in FIELDS[name].front_matter]
)
def test_each_front_matter_key_is_read(tmp_path, name, key) -> None:
    value = {"is_listed": "true", "takes_comments": "false"}.get(name, another(FIELDS[name]))
    title = "" if name == "title" else "title: T\n"
    text = f"---\n{title}{key}: {value}\n---\nText\n"
    read = post_reader.read_post(TextFile(tmp_path / "a.md", "a.md"), text, "", GeneratorDefaults())
    assert read.content[name] == another(FIELDS[name])


def public_content(ann, id):
    query = select(Revision).join(Post, Post.live_revision_id == Revision.id).where(Post.id == id)
    return values_of(ann.client.database.read_now(lambda session: session.scalars(query).one()))
