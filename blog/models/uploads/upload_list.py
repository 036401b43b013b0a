"""The list of uploaded pictures in the admin area: where each is used, and deleting unused ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    SQLColumnExpression,
    String,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from blog.config import N_
from blog.models.audit.action import action
from blog.models.base import Refusal
from blog.models.listing import Listing, Order, QueryFilter, containing
from blog.models.posts.post import Post
from blog.models.posts.revision import Revision
from blog.models.settings.site import Site
from blog.models.uploads.upload import STORED, Upload
from blog.models.users.user import User

TEXTS_AT_ONCE = 200  # texts of posts in memory


@dataclass(frozen=True)
class PictureUse:
    """A post that uses a picture; with `is_past`, only one of its revisions does."""

    id: int
    title: str
    language: str
    is_past: bool = False


@dataclass(frozen=True)
class ListedPicture:
    """A row of the list.

    `name` is the stored name below /media, `original` the name of the uploaded file. `places` are
    the posts that use the picture, and `in_site` says whether the site settings use it.
    """

    id: int
    name: str
    original: str
    width: int
    height: int
    size: int
    by: str
    created_at: datetime
    places: tuple[PictureUse, ...] = ()
    in_site: bool = False

    @property
    def shown_as(self) -> str:
        """The name to show: that of the uploaded file, or else the stored one."""
        return self.original or self.name.rpartition("/")[2]

    @property
    def is_used(self) -> bool:
        """Whether a post, a revision or a setting uses the picture; it cannot be deleted then."""
        return bool(self.places) or self.in_site


@dataclass(frozen=True)
class DeletedPictures:
    """The stored names of pictures whose rows were deleted; the caller deletes the files."""

    names: tuple[str, ...] = field(default=())

    @property
    def number(self) -> int:
        """The number of deleted pictures."""
        return len(self.names)


def _rows() -> Select[*tuple[Any, ...]]:
    return select(Upload, User.display_name).outerjoin(User, User.id == Upload.user_id)


def _make(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedPicture, ...]:
    ids = [row.Upload.id for row in rows]
    uses, in_settings = uses_of(session, ids), _used_in_settings(session, ids)
    return tuple(
        ListedPicture(
            id=row.Upload.id,
            name=row.Upload.name,
            original=row.Upload.original,
            width=row.Upload.width,
            height=row.Upload.height,
            size=row.Upload.size,
            by=row.display_name or "",
            created_at=row.Upload.created_at,
            places=tuple(uses.get(row.Upload.id, {}).values()),
            in_site=row.Upload.id in in_settings,
        )
        for row in rows
    )


def _uploaded_by(name: str) -> ColumnElement[bool]:
    return User.name == name


pictures = Listing(
    query=_rows,
    key=Upload.id,
    make=_make,
    orders={
        "created_at": Order(Upload.created_at, descending=True),
        "size": Order(Upload.size, descending=True),
        "shown_as": Order(func.lower(Upload.original)),
    },
    sort="created_at",
    filters={"by": QueryFilter(_uploaded_by)},
    search=containing(Upload.original, Upload.name),
)


def uploaders(session: Session) -> list[tuple[str, str]]:
    """Return the sign-in name and the display name of everyone who uploaded a picture."""
    people = session.scalars(User.everyone().where(User.id.in_(select(Upload.user_id))))
    return [(person.name, person.display_name) for person in people]


def uses_of(session: Session, ids: Sequence[int]) -> dict[int, dict[int, PictureUse]]:
    """Return where pictures are used, by the id of the picture and the id of the post.

    Working copies come first. A revision counts only if the working copy does not use the picture.
    """
    names = select(Upload.name, Upload.id).where(Upload.id.in_(ids))
    id_of_name = dict(session.execute(names).all())
    post = (Post.id, Post.title, Post.language)
    current_texts = (Post.body, Post.cover, cast(Post.links, String))
    past_texts = (Revision.body, Revision.cover)
    past = select(*post).join(Revision, Revision.post_id == Post.id)
    uses: dict[int, dict[int, PictureUse]] = {}
    for query, columns, is_past in (
        (select(*post), current_texts, False),
        (past, past_texts, True),
    ):
        with_pictures = query.add_columns(*columns).where(_any_has_picture(session, columns))
        rows = session.execute(with_pictures).yield_per(TEXTS_AT_ONCE)
        for id, title, language, *texts in rows:
            for name in set(STORED.findall(" ".join(texts))) & id_of_name.keys():
                use = PictureUse(id, title, language, is_past)
                uses.setdefault(id_of_name[name], {}).setdefault(id, use)
    return uses


def _any_has_picture(
    session: Session, columns: Sequence[SQLColumnExpression[str]]
) -> ColumnElement[bool]:
    """Whether any of the columns has the address of a picture.

    `instr` and `strpos` compare bytes, which is much faster than LIKE.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    position = func.instr if is_sqlite else func.strpos
    return or_(*(position(column, "/media/") > 0 for column in columns))


def _used_in_settings(session: Session, ids: Sequence[int]) -> set[int]:
    """Return the ids of pictures that the site settings use, for example as the site icon."""
    settings = session.scalar(select(cast(Site.choices, String))) or ""
    names = STORED.findall(settings)
    return set(session.scalars(select(Upload.id).where(Upload.id.in_(ids), Upload.name.in_(names))))


@action("picture.delete")
def delete(session: Session, ids: Sequence[int], *, by: User) -> DeletedPictures:
    """Delete the rows of unused pictures; the caller deletes the files.

    Raises `Refusal` if a post, one of its revisions or a setting uses one of them.
    """
    uploads = list(session.scalars(select(Upload).where(Upload.id.in_(ids))))
    uses, in_settings = uses_of(session, ids), _used_in_settings(session, ids)
    for upload in uploads:
        name = upload.original or upload.name
        if use := next(iter(uses.get(upload.id, {}).values()), None):
            message = N_("“%(name)s” is used in “%(title)s” or in one of its revisions.")
            raise Refusal(message, name=name, title=use.title)
        if upload.id in in_settings:
            raise Refusal(N_("“%(name)s” is used in the site settings."), name=name)
        session.delete(upload)
    return DeletedPictures(tuple(upload.name for upload in uploads))
