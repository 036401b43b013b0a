"""How much of everything a database holds, whichever release wrote it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, column, func, inspect, select, table
from sqlalchemy.orm import Session

from blog.models.settings.site import Site

MADE_ANEW = ("search", "alembic_", "sqlite_")


@dataclass(frozen=True)
class Inventory:
    """Rows by table, and what the site is called."""

    revision: str
    title: str
    address: str
    counts: dict[str, int]
    pictures: list[str]


def take(session: Session) -> Inventory:
    """Asks only for what every release has had; an empty database has a revision of ""."""
    names = set(inspect(session.connection()).get_table_names())
    if "alembic_version" not in names:
        return Inventory("", "", "", {}, [])
    revision = session.scalar(select(column("version_num")).select_from(table("alembic_version")))
    site = session.execute(
        select(column("title", String), column("address", String)).select_from(table("site"))
    )
    title, address = site.first() or ("", "")
    ours = sorted(name for name in names if not name.startswith(MADE_ANEW))
    counts = {name: session.scalar(select(func.count()).select_from(table(name))) for name in ours}
    pictures = session.scalars(select(column("name", String)).select_from(table("upload")))
    return Inventory(
        str(revision), title, address, {n: c or 0 for n, c in counts.items()}, list(pictures)
    )


def set_up_at(session: Session) -> datetime | None:
    """When the blog began; None while it is empty."""
    return session.scalar(select(Site.set_up_at))
