"""The table `tag`, parsing typed tag lists, and finding or creating tags by name."""

from collections.abc import Mapping

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.markup import slugify
from blog.models.addresses import address
from blog.models.base import Base

MOST_TAGS = 20


class Tag(Base):
    """A tag. Its name is spelled as first typed; its page is /tags/<slug>."""

    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    slug: Mapped[str] = mapped_column(String(100), unique=True)

    @classmethod
    def change_tags(
        cls, session: Session, values: Mapping[str, object], changed: set[str]
    ) -> set[str]:
        """Tag the page of this tag and the lists of tags."""
        return {f"tag:{values['slug']}", "tags"}


def split(text: str) -> list[str]:
    """Split a typed list at English or Chinese commas into at most 20 distinct names, in order."""
    names = (
        " ".join(part.split()) for part in text.replace("，", ",").replace("、", ",").split(",")
    )
    seen: dict[str, str] = {}
    for name in names:
        if name:
            seen.setdefault(tag_slug(name), name[:100])
    return list(seen.values())[:MOST_TAGS]


def tag_slug(name: str) -> str:
    """Return the slug of a tag name, which differs for `C`, `C++` and `C#`."""
    plain = name.casefold().replace("++", "-plus-plus").replace("#", "-sharp")
    return slugify(plain)[:100]


def path_of(slug: str) -> str:
    """Return the path of a tag's page."""
    return f"/tags/{slug}"


def current_slug(session: Session, slug: str) -> str:
    """Return the current slug of the tag that has, or formerly had, this slug."""
    if session.scalar(select(Tag.id).where(Tag.slug == slug)):
        return slug
    redirect = address.find(session, path_of(slug))
    if redirect is None or not redirect.target.startswith(path_of("")):
        return slug
    return redirect.target.removeprefix(path_of(""))


def find_or_create(session: Session, names: list[str]) -> list[Tag]:
    """Find or create the tags with these names. A former name of a tag finds that tag."""
    names_by_slug = {current_slug(session, tag_slug(name)): name for name in names}
    rows = session.scalars(select(Tag).where(Tag.slug.in_(names_by_slug)))
    tags = {tag.slug: tag for tag in rows}
    for slug, name in names_by_slug.items():
        if slug not in tags:
            tags[slug] = Tag(name=name, slug=slug)
            session.add(tags[slug])
    session.flush()
    return [tags[slug] for slug in names_by_slug]
