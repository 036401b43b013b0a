"""Row counts of all tables, to compare databases after a backup, restore or migration."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, column, func, inspect, select, table
from sqlalchemy.orm import Session

from blog.models.settings.site import Site

DERIVED = ("search", "alembic_", "sqlite_")  # prefixes of tables that hold no content


@dataclass(frozen=True)
class RowCounts:
    """What a database holds: rows by table, names of pictures, and the site's title and address.

    `revision` is the Alembic revision, empty for an empty database.
    """

    revision: str
    title: str
    address: str
    counts: dict[str, int]
    pictures: list[str]


def count_rows(session: Session) -> RowCounts:
    """Count the rows of a database that any release has written.

    Uses only tables and columns that every release has had, so it does not use the models.
    """
    names = set(inspect(session.connection()).get_table_names())
    if "alembic_version" not in names:
        return RowCounts("", "", "", {}, [])
    revision = session.scalar(select(column("version_num")).select_from(table("alembic_version")))
    site = session.execute(
        select(column("title", String), column("address", String)).select_from(table("site"))
    )
    title, address = site.first() or ("", "")
    counts = {
        name: session.scalar(select(func.count()).select_from(table(name))) or 0
        for name in sorted(names)
        if not name.startswith(DERIVED)
    }
    pictures = session.scalars(select(column("name", String)).select_from(table("upload")))
    return RowCounts(str(revision), title, address, counts, list(pictures))


def set_up_at(session: Session) -> datetime | None:
    """Return when the site was set up, or None if it was not."""
    return session.scalar(select(Site.set_up_at))
