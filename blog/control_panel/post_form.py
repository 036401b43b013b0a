"""The form of the edit page: its fields, and how a post fills them in."""

from typing import ClassVar

from sanic import Request

from blog.markup import slugify
from blog.models.posts.content import FIELDS, ContentField, Value, Values
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import Post
from blog.models.tags.tag import split
from blog.web.forms import (
    Checkbox,
    Choice,
    Field,
    Form,
    LocalDateTime,
    Number,
    NumberList,
    Text,
    Verbatim,
    local_input_value,
)


class Version(Number):
    """A version number; 0 where the field is empty."""

    def convert(self, typed: str) -> int:
        """Return the number. Raises `Refusal` for anything but a number or nothing."""
        return super().convert(typed) if typed.strip() else 0


def _input(field: ContentField) -> Field[Value]:
    """Return the form field for a field of the content."""
    if field.control == "checkbox":
        return Checkbox()
    if field.choices:
        return Choice(*field.choices)
    # Every space of a Markdown text counts.
    return Verbatim(most=field.longest) if field.name == "body" else Text(most=field.longest)


class PostForm(Form):
    """Everything that can be edited of a post: its content, its authors, and when it is published.

    `version` is the version that the page showed, and `over` the version that the author has seen
    in a conflict and wants to replace.
    """

    fields: ClassVar[dict[str, Field[object]]] = {
        name: _input(field) for name, field in FIELDS.items()
    }
    authors = NumberList()
    version = Number()
    over = Version()
    publish_at = LocalDateTime()
    # A file input sends the name of its file here when no script has uploaded the file.
    picture = Text()
    into = Text()

    @classmethod
    def of(cls, request: Request, post: Post) -> "PostForm":
        """Return the form as it is first shown for a post."""
        return cls.blank(
            request,
            **content_of(post),
            version=post.version,
            authors=[str(link.user_id) for link in post.author_links],
            publish_at=local_input_value(post.publish_at, request.ctx.site.timezone),
        )

    def copy(self) -> WorkingCopy:
        """Return the valid fields as a working copy.

        A page that was opened before an upgrade sends no value for a field that is new; the post
        keeps it. A check box that is not sent is not ticked.
        """
        names = self.data.keys() & {*FIELDS, "version", "over", "authors"}
        absent = {name for name in self.missing & FIELDS.keys() if self.data.get(name) == ""}
        return WorkingCopy(**{name: self.data[name] for name in names - absent})

    def differing(self, post: Post) -> list[ContentField]:
        """Return the fields in which the content of the post is not what this form holds."""
        typed = {**self.data, "tags": ", ".join(split(self.data.get("tags", "")))}
        stored = content_of(post)
        return [field for name, field in FIELDS.items() if typed.get(name) != stored[name]]

    def fill_missing(self, post: Post) -> None:
        """Show the post's own value in the text fields that were not sent, as `copy` keeps it."""
        for name in self.missing & FIELDS.keys():
            if self.values.get(name) == "":
                self.values[name] = getattr(post, name)

    def put(self, name: str, value: str) -> None:
        """Set a field as if the author had typed the value."""
        self.values[name] = self.data[name] = value

    def saved(self, version: int) -> None:
        """Note the version just saved, so that the form, if shown again, can be saved once more."""
        self.values |= {"version": version, "over": ""}
        self.data |= {"version": version, "over": 0}


def content_of(post: Post) -> Values:
    """Return the content of a post as the form shows it: without a slug made from the title."""
    content: Values = {name: getattr(post, name) for name in FIELDS}
    return {**content, "slug": ""} if is_generated(post) else content


def is_generated(post: Post) -> bool:
    """Whether the slug was made from the title, which it follows until the post is published.

    Posts with a whole path of their own have no slug field to show either.
    """
    if post.path:
        return True
    stem = slugify(post.title)
    suffix = post.slug.removeprefix(stem).removeprefix("-page").removeprefix("-")
    return not post.address_id and post.slug.startswith(stem) and (not suffix or suffix.isdigit())
