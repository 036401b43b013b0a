"""What a post is about."""

from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.markup import slugify
from blog.models.addresses import address
from blog.models.base import Base

MOST_TAGS = 20


class Tag(Base):
    """A tag, shown as first typed and found by its slug at /tags/<slug>."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100), unique=True)

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {f"tag:{values['slug']}", "tags"}


def split(text: str) -> list[str]:
    """Names typed with commas of either script between them, each once, in order."""
    names = (
        " ".join(part.split()) for part in text.replace("，", ",").replace("、", ",").split(",")
    )
    seen: dict[str, str] = {}
    for name in names:
        if name:
            seen.setdefault(tag_slug(name), name[:100])
    return list(seen.values())[:MOST_TAGS]


def tag_slug(name: str) -> str:
    """`C++` and `C#` keep what tells them apart from `C`."""
    plain = name.casefold().replace("++", "-plus-plus").replace("#", "-sharp")
    return slugify(plain)[:100]


def place_of(slug: str) -> str:
    """Where readers find a tag."""
    return f"/tags/{slug}"


def followed(session: Session, slug: str) -> str:
    """The slug that a tag has now, where it once had this one."""
    if session.scalar(select(Tag.id).where(Tag.slug == slug)):
        return slug
    place = address.find(session, place_of(slug))
    moved = place is not None and place.target.startswith(place_of(""))
    return place.target.removeprefix(place_of("")) if place and moved else slug


def named(session: Session, names: list[str]) -> list[Tag]:
    """The tags with these names, made where they are new. A name that a tag once had means it."""
    slugs = {followed(session, tag_slug(name)): name for name in names}
    rows = session.scalars(select(Tag).where(Tag.slug.in_(slugs)))
    known = {tag.slug: tag for tag in rows}
    for slug, name in slugs.items():
        if slug not in known:
            known[slug] = Tag(name=name, slug=slug)
            session.add(known[slug])
    session.flush()
    return [known[slug] for slug in slugs]
