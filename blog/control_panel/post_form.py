"""What the edit page sends, and how a post is shown in it."""

from dataclasses import fields

from sanic import Request

from blog.config import LANGUAGES
from blog.markup import slugify
from blog.models.posts.editing import LONGEST_BODY, WorkingCopy
from blog.models.posts.post import Post
from blog.web.forms import Check, Choice, Form, Moment, Number, Numbers, Text, Verbatim, local


class Version(Number):
    """A version, or none."""

    def convert(self, typed: str) -> int:
        return super().convert(typed) if typed.strip() else 0


class PostForm(Form):
    title = Text(most=300)
    body = Verbatim(most=LONGEST_BODY)
    slug = Text(most=200)
    summary = Text(most=2000)
    tags = Text(most=2500)
    cover = Text(most=1000)
    language = Choice(*LANGUAGES)  # type: ignore[assignment]  # the post's, not the form's own
    is_listed = Check()
    takes_comments = Check()
    authors = Numbers()
    version = Number()
    over = Version()
    publish_at = Moment()
    # A file button that no script has taken over sends the name of its file here.
    picture = Text()
    into = Text()

    @classmethod
    def of(cls, request: Request, post: Post) -> "PostForm":
        """The form as it is first shown."""
        same = ("title", "body", "summary", "tags", "cover", "language", "is_listed", "version")
        return cls.blank(
            request,
            **{name: getattr(post, name) for name in (*same, "takes_comments")},
            slug="" if is_made(post) else post.slug,
            authors=[str(link.user_id) for link in post.author_links],
            publish_at=local(post.publish_at, request.ctx.site.timezone),
        )

    def copy(self) -> WorkingCopy:
        kept = {field.name for field in fields(WorkingCopy)}
        return WorkingCopy(**{name: self.data[name] for name in self.data.keys() & kept})

    def put(self, name: str, value: str) -> None:
        """As if it had been typed."""
        self.values[name] = self.data[name] = value

    def saved(self, version: int) -> None:
        """What it shows if it is shown again: it is no longer behind."""
        self.values |= {"version": version, "over": ""}


def is_made(post: Post) -> bool:
    """Nobody typed the slug: it follows the title until the post is first published."""
    if post.path:
        return True
    stem = slugify(post.title)
    rest = post.slug.removeprefix(stem).removeprefix("-page").removeprefix("-")
    return not post.address_id and post.slug.startswith(stem) and (not rest or rest.isdigit())
