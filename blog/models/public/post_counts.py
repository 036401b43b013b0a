"""How many posts stand on a shelf at a moment, and which of them make a page of it.

The database keeps the number for each month (see `shelf_index`). Only what time brings and takes
away is counted: posts that are to come, and those with a day of their end.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import Integer, String, bindparam, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from blog.models.base import UTCTime, rows
from blog.models.public import post_counts_index
from blog.models.public.post_counts_index import EVER, number, standing

POSTS, PAGES = "posts", "pages"
BEGINNING = datetime.min.replace(tzinfo=UTC)
TICK = timedelta(microseconds=1)  # no time lies between this and the next
ONE_BY_ONE = 200  # so many posts are passed over sooner than the months are asked for

MOMENT: Any = bindparam("moment", type_=UTCTime)
HERE = standing.c.shelf == bindparam("shelf", type_=String)
TO_COME = standing.c.withdraw_at.is_(None) & (standing.c.publish_at > MOMENT)
ENDING = (standing.c.withdraw_at > MOMENT) & (standing.c.publish_at <= MOMENT)
SHOWN = or_(standing.c.withdraw_at.is_(None), standing.c.withdraw_at > MOMENT)

TOTAL = union_all(
    select(number.c.posts).where(number.c.shelf == bindparam("shelf"), number.c.month == EVER),
    select(-func.count()).where(HERE, TO_COME),
    select(func.count()).where(HERE, ENDING),
)
MONTHS = union_all(
    select(number.c.month, number.c.posts).where(
        number.c.shelf == bindparam("shelf"), number.c.month != EVER
    ),
    select(standing.c.month, -func.count()).where(HERE, TO_COME).group_by(standing.c.month),
    select(standing.c.month, func.count()).where(HERE, ENDING).group_by(standing.c.month),
)
SOME = (
    select(standing.c.post_id)
    .where(
        HERE,
        SHOWN,
        standing.c.publish_at >= bindparam("start", type_=UTCTime),
        standing.c.publish_at < bindparam("end", type_=UTCTime),
    )
    .order_by(standing.c.publish_at.desc(), standing.c.post_id.desc())
    .limit(bindparam("most", type_=Integer))
    .offset(bindparam("skipped", type_=Integer))
)
_UNSETTLED = union_all(
    select(standing.c.post_id, literal(-1).label("more")).where(HERE, TO_COME),
    select(standing.c.post_id, literal(1)).where(HERE, ENDING),
).subquery()
SHIFTS = (
    select(standing.c.shelf, func.sum(_UNSETTLED.c.more).label("shift"))
    .join(_UNSETTLED, _UNSETTLED.c.post_id == standing.c.post_id)
    .group_by(standing.c.shelf)
)


def of_tag(id: int | str) -> str:
    return f"tag:{id}"


def of_author(id: int | str) -> str:
    return f"user:{id}"


@dataclass(frozen=True)
class Part:
    """What stands on a shelf, newest first; of a span of time, only what was published in it."""

    shelf: str = POSTS
    start: datetime | None = None
    end: datetime | None = None


WHOLE = Part()


def newest(session: Session, part: Part, at: datetime, most: int) -> list[int]:
    """The ids of the last posts that readers see at that moment."""
    here = {"shelf": part.shelf, "moment": at, "start": part.start or BEGINNING}
    here |= {"end": part.end or at + TICK, "most": most, "skipped": 0}
    return [row.post_id for row in rows(session, SOME, **here)]


def total(session: Session, shelf: str, at: datetime) -> int:
    return sum(row[0] for row in rows(session, TOTAL, shelf=shelf, moment=at))


def page(
    session: Session, part: Part, at: datetime, offset: int, most: int
) -> tuple[list[int], int]:
    """The ids of some posts that readers see at that moment, and how many there are in all."""
    end = min(part.end or at + TICK, at + TICK)
    here: dict[str, Any] = {"shelf": part.shelf, "moment": at, "start": part.start or BEGINNING}
    if part.start or part.end:
        first, last = before(session, part.shelf, at, (here["start"], end))
    else:
        first, last = 0, total(session, part.shelf, at)
    in_all = last - first
    skipped = offset
    if offset > ONE_BY_ONE:
        end, skipped = _near(session, part.shelf, at, last - offset, end, offset)
    here |= {"end": end, "skipped": skipped, "most": most}
    found = rows(session, SOME, **here) if offset < in_all else ()
    return [row.post_id for row in found], in_all


def before(session: Session, shelf: str, at: datetime, moments: Sequence[datetime]) -> list[int]:
    """How many of the posts that readers see at a moment were published before each of these.

    What lies between each and the nearest beginning of a month is counted; all before it is known.
    """
    months, sums = calendar(session, shelf, at)
    if not months:
        return [0 for _ in moments]
    times = [min(max(moment, months[0]), at + TICK) for moment in moments]
    nearest = [_nearest_month(time) for time in times]
    gaps = [
        sorted((time, min(month, at + TICK))) for time, month in zip(times, nearest, strict=True)
    ]
    counts = post_counts_index.count_between(session, shelf, at, gaps)
    return [
        (sums[found - 1] if (found := bisect_left(months, month)) else 0)
        + (count if month < time else -count)
        for time, month, count in zip(times, nearest, counts, strict=True)
    ]


def by_month(session: Session, at: datetime, zone: tzinfo) -> dict[tuple[int, int], int]:
    """How many posts readers see at a moment of each month of a time zone, oldest first."""
    months, _ = calendar(session, POSTS, at)
    places = {12 * month.year + month.month + by for month in months for by in (-2, -1, 0, 1)}
    names = [(place // 12, place % 12 + 1) for place in sorted(places) if place >= 12]
    sums = before(session, POSTS, at, [_beginning(*name, zone) for name in names])
    each = zip(names, pairwise(sums), strict=False)  # the last is there as an end
    return {name: more for name, (one, two) in each if (more := two - one)}


def shifts(session: Session, at: datetime) -> Counter[str]:
    """By how many posts each shelf differs at a moment from the number that is kept."""
    return Counter({row.shelf: row.shift for row in rows(session, SHIFTS, shelf=POSTS, moment=at)})


def _near(
    session: Session, shelf: str, at: datetime, place: int, end: datetime, offset: int
) -> tuple[datetime, int]:
    """From where to go back, and past how many posts, to the one with so many before and at it."""
    months, sums = calendar(session, shelf, at)
    found = bisect_left(sums, place)
    if place <= 0 or found == len(months) or (after := _next_month(months[found])) >= end:
        return end, offset
    return after, sums[found] - place


def calendar(session: Session, shelf: str, at: datetime) -> tuple[list[datetime], list[int]]:
    """The months of a shelf, and how many posts there are up to the end of each."""
    posts: Counter[str] = Counter()
    for month, more in rows(session, MONTHS, shelf=shelf, moment=at):
        posts[month] += more
    names = sorted(name for name, some in posts.items() if some)
    months = [datetime(int(name[:4]), int(name[5:]), 1, tzinfo=UTC) for name in names]
    return months, list(accumulate(posts[name] for name in names))


def _beginning(year: int, month: int, zone: tzinfo) -> datetime:
    if (year, month) == (1, 1):  # what time it is elsewhere then, no calendar can say
        return BEGINNING
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)


def _nearest_month(time: datetime) -> datetime:
    month = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = _next_month(month)
    return month if time - month <= after - time else after


def _next_month(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)
