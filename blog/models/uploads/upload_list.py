"""The uploaded pictures as the office lists them: what they are, and where they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, cast, func, or_, select
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

AT_ONCE = 200  # texts in memory


@dataclass(frozen=True)
class PictureUse:
    """A post that shows a picture, or showed it in a revision that is kept."""

    id: int
    title: str
    language: str
    is_past: bool = False


@dataclass(frozen=True)
class ListedPicture:
    """`name` is how it is stored under /media. `in_site`: the settings name it."""

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
        return self.original or self.name.rpartition("/")[2]

    @property
    def is_used(self) -> bool:
        return bool(self.places) or self.in_site


@dataclass(frozen=True)
class DeletedPictures:
    """Pictures whose rows are deleted; their files are to follow."""

    names: tuple[str, ...] = field(default=())

    @property
    def number(self) -> int:
        return len(self.names)


def _rows() -> Select[*tuple[Any, ...]]:
    return select(Upload, User.display_name).outerjoin(User, User.id == Upload.user_id)


def _make(session: Session, rows: Sequence[Row[Any]]) -> tuple[ListedPicture, ...]:
    ids = [row.Upload.id for row in rows]
    places, site = places_of(session, ids), _in_site(session, ids)
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
            places=tuple(places.get(row.Upload.id, {}).values()),
            in_site=row.Upload.id in site,
        )
        for row in rows
    )


def _written_by(name: str) -> ColumnElement[bool]:
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
    filters={"by": QueryFilter(_written_by)},
    search=containing(Upload.original, Upload.name),
)


def uploaders(session: Session) -> list[tuple[str, str]]:
    """Name and shown name of everybody who uploaded something."""
    found = session.scalars(User.everyone().where(User.id.in_(select(Upload.user_id))))
    return [(person.name, person.display_name) for person in found]


def places_of(session: Session, ids: Sequence[int]) -> dict[int, dict[int, PictureUse]]:
    """By picture and post: working copies first, then what only a kept revision shows."""
    wanted = select(Upload.name, Upload.id).where(Upload.id.in_(ids))
    known = dict(session.execute(wanted).all())
    post = (Post.id, Post.title, Post.language)
    now_shown = (Post.body, Post.cover, cast(Post.links, String))
    once_shown = (Revision.body, Revision.cover)
    past = select(*post).join(Revision, Revision.post_id == Post.id)
    found: dict[int, dict[int, PictureUse]] = {}
    for query, texts, is_past in ((select(*post), now_shown, False), (past, once_shown, True)):
        showing = query.add_columns(*texts).where(_names_any(session, texts))
        for id, title, language, *said in session.execute(showing).yield_per(AT_ONCE):
            for name in set(STORED.findall(" ".join(said))) & known.keys():
                place = PictureUse(id, title, language, is_past)
                found.setdefault(known[name], {}).setdefault(id, place)
    return found


def _names_any(session: Session, texts: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a text names any picture; looked for as bytes, which is much faster than LIKE."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    find = func.instr if is_sqlite else func.strpos
    return or_(*(find(text, "/media/") > 0 for text in texts))


def _in_site(session: Session, ids: Sequence[int]) -> set[int]:
    """Those that the settings name, such as a logo."""
    chosen = session.scalar(select(cast(Site.choices, String))) or ""
    names = STORED.findall(chosen)
    return set(session.scalars(select(Upload.id).where(Upload.id.in_(ids), Upload.name.in_(names))))


@action("picture.delete")
def delete(session: Session, ids: Sequence[int]) -> DeletedPictures:
    """Forget pictures that nothing shows. Raises `Refusal` if anything does, or once did."""
    found = list(session.scalars(select(Upload).where(Upload.id.in_(ids))))
    places, site = places_of(session, ids), _in_site(session, ids)
    for upload in found:
        name = upload.original or upload.name
        if place := next(iter(places.get(upload.id, {}).values()), None):
            message = N_("“%(name)s” is used in “%(title)s” or in one of its revisions.")
            raise Refusal(message, name=name, title=place.title)
        if upload.id in site:
            raise Refusal(N_("“%(name)s” is used in the site settings."), name=name)
        session.delete(upload)
    return DeletedPictures(tuple(upload.name for upload in found))
