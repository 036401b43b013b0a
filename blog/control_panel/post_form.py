"""The form of the edit page: its fields, and how a post fills them in."""

from dataclasses import fields

from sanic import Request

from blog.config import LANGUAGES
from blog.markup import slugify
from blog.models.posts.editing import LONGEST_BODY, WorkingCopy
from blog.models.posts.post import Post
from blog.web.forms import (
    Checkbox,
    Choice,
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


class PostForm(Form):
    """Everything that can be edited of a post.

    `version` is the version that the page showed, and `over` the version that the author has seen
    in a conflict and wants to replace.
    """

    title = Text(most=300)
    body = Verbatim(most=LONGEST_BODY)
    slug = Text(most=200)
    summary = Text(most=2000)
    tags = Text(most=2500)
    cover = Text(most=1000)
    language = Choice(*LANGUAGES)  # type: ignore[assignment]  # the post's, not the form's own
    is_listed = Checkbox()
    takes_comments = Checkbox()
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
        copied = ("title", "body", "summary", "tags", "cover", "language", "is_listed", "version")
        return cls.blank(
            request,
            **{name: getattr(post, name) for name in (*copied, "takes_comments")},
            slug="" if is_generated(post) else post.slug,
            authors=[str(link.user_id) for link in post.author_links],
            publish_at=local_input_value(post.publish_at, request.ctx.site.timezone),
        )

    def copy(self) -> WorkingCopy:
        """Return the valid fields as a working copy."""
        names = {field.name for field in fields(WorkingCopy)}
        return WorkingCopy(**{name: self.data[name] for name in self.data.keys() & names})

    def put(self, name: str, value: str) -> None:
        """Set a field as if the author had typed the value."""
        self.values[name] = self.data[name] = value

    def saved(self, version: int) -> None:
        """Note the version just saved, so that the form, if shown again, can be saved once more."""
        self.values |= {"version": version, "over": ""}


def is_generated(post: Post) -> bool:
    """Whether the slug was made from the title, which it follows until the post is published.

    Posts with a whole path of their own have no slug field to show either.
    """
    if post.path:
        return True
    stem = slugify(post.title)
    suffix = post.slug.removeprefix(stem).removeprefix("-page").removeprefix("-")
    return not post.address_id and post.slug.startswith(stem) and (not suffix or suffix.isdigit())
