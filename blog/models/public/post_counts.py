"""Counting and paginating the posts of a public list: all posts, all pages, a tag or an author.

The database stores the number of posts of each list and month (see `post_counts_index`). Queries
correct that number for what changes with time. Posts that are still scheduled are subtracted. Posts
with a date on which they will be unpublished are not in the stored numbers, and are added.

Tables and bind parameters call a list a `shelf`, by its key: `posts`, `pages`, `tag:7`, `user:3`.
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
from blog.models.public.post_counts_index import ALL_TIME, list_count, list_entry

POSTS, PAGES = "posts", "pages"
BEGINNING = datetime.min.replace(tzinfo=UTC)
RESOLUTION = timedelta(microseconds=1)  # the smallest difference between two times
MAX_OFFSET = 200  # up to here, OFFSET is faster than starting from the right month

# Typed as Any because the hybrid methods of Post are typed for a datetime only.
MOMENT: Any = bindparam("moment", type_=UTCTime)
IN_LIST = list_entry.c.shelf == bindparam("shelf", type_=String)
SCHEDULED = list_entry.c.withdraw_at.is_(None) & (list_entry.c.publish_at > MOMENT)
ENDING = (list_entry.c.withdraw_at > MOMENT) & (list_entry.c.publish_at <= MOMENT)
SHOWN = or_(list_entry.c.withdraw_at.is_(None), list_entry.c.withdraw_at > MOMENT)

TOTAL = union_all(
    select(list_count.c.posts).where(
        list_count.c.shelf == bindparam("shelf"), list_count.c.month == ALL_TIME
    ),
    select(-func.count()).where(IN_LIST, SCHEDULED),
    select(func.count()).where(IN_LIST, ENDING),
)
MONTHS = union_all(
    select(list_count.c.month, list_count.c.posts).where(
        list_count.c.shelf == bindparam("shelf"), list_count.c.month != ALL_TIME
    ),
    select(list_entry.c.month, -func.count())
    .where(IN_LIST, SCHEDULED)
    .group_by(list_entry.c.month),
    select(list_entry.c.month, func.count()).where(IN_LIST, ENDING).group_by(list_entry.c.month),
)
IDS_IN_RANGE = (
    select(list_entry.c.post_id)
    .where(
        IN_LIST,
        SHOWN,
        list_entry.c.publish_at >= bindparam("start", type_=UTCTime),
        list_entry.c.publish_at < bindparam("end", type_=UTCTime),
    )
    .order_by(list_entry.c.publish_at.desc(), list_entry.c.post_id.desc())
    .limit(bindparam("most", type_=Integer))
    .offset(bindparam("skipped", type_=Integer))
)
_UNSETTLED = union_all(
    select(list_entry.c.post_id, literal(-1).label("more")).where(IN_LIST, SCHEDULED),
    select(list_entry.c.post_id, literal(1)).where(IN_LIST, ENDING),
).subquery()
CORRECTIONS = (
    select(list_entry.c.shelf, func.sum(_UNSETTLED.c.more).label("shift"))
    .join(_UNSETTLED, _UNSETTLED.c.post_id == list_entry.c.post_id)
    .group_by(list_entry.c.shelf)
)


def of_tag(id: int | str) -> str:
    """Return the key of the list of a tag's posts."""
    return f"tag:{id}"


def of_author(id: int | str) -> str:
    """Return the key of the list of an author's posts."""
    return f"user:{id}"


@dataclass(frozen=True)
class ListRange:
    """The posts of a list, newest first, published from `start` to before `end` if given."""

    list_key: str = POSTS
    start: datetime | None = None
    end: datetime | None = None


WHOLE = ListRange()


def newest(session: Session, list_range: ListRange, at: datetime, most: int) -> list[int]:
    """Return the ids of up to `most` of the newest posts that readers can see at that moment."""
    found = rows(
        session,
        IDS_IN_RANGE,
        shelf=list_range.list_key,
        moment=at,
        start=list_range.start or BEGINNING,
        end=list_range.end or at + RESOLUTION,
        most=most,
        skipped=0,
    )
    return [row.post_id for row in found]


def total(session: Session, list_key: str, at: datetime) -> int:
    """Return the number of posts of a list that readers can see at that moment."""
    return sum(row[0] for row in rows(session, TOTAL, shelf=list_key, moment=at))


def page(
    session: Session, list_range: ListRange, at: datetime, offset: int, most: int
) -> tuple[list[int], int]:
    """Return the ids of one page of posts that readers can see at that moment, and the total."""
    start, end = (
        list_range.start or BEGINNING,
        min(list_range.end or at + RESOLUTION, at + RESOLUTION),
    )
    if list_range.start or list_range.end:
        first, last = before(session, list_range.list_key, at, (start, end))
    else:
        first, last = 0, total(session, list_range.list_key, at)
    number = last - first
    if offset >= number:
        return [], number
    skipped = offset
    if offset > MAX_OFFSET:
        end, skipped = _jump(session, list_range.list_key, at, last - offset, end, offset)
    found = rows(
        session,
        IDS_IN_RANGE,
        shelf=list_range.list_key,
        moment=at,
        start=start,
        end=end,
        most=most,
        skipped=skipped,
    )
    return [row.post_id for row in found], number


def before(session: Session, list_key: str, at: datetime, moments: Sequence[datetime]) -> list[int]:
    """Return for each of `moments` how many posts were published before it.

    Counts only posts that readers can see at `at`. Starts from the stored sum at the nearest
    beginning of a month, and counts the posts between that and the moment.
    """
    months, sums = calendar(session, list_key, at)
    if not months:
        return [0 for _ in moments]
    times = [min(max(moment, months[0]), at + RESOLUTION) for moment in moments]
    nearest = [_nearest_month(time) for time in times]
    gaps = [
        sorted((time, min(month, at + RESOLUTION)))
        for time, month in zip(times, nearest, strict=True)
    ]
    counts = post_counts_index.count_between(session, list_key, at, gaps)
    sums_before = [0, *sums]
    return [
        sums_before[bisect_left(months, month)] + (count if month < time else -count)
        for time, month, count in zip(times, nearest, counts, strict=True)
    ]


def by_month(session: Session, at: datetime, zone: tzinfo) -> dict[tuple[int, int], int]:
    """Return the number of visible posts per (year, month) of a time zone, oldest first.

    Posts are stored by months of UTC, so the months before and after each are looked at, too.
    """
    months, _ = calendar(session, POSTS, at)
    # Months since the year 0, counted from 0.
    indexes = {12 * month.year + month.month + by for month in months for by in (-2, -1, 0, 1)}
    local = [(index // 12, index % 12 + 1) for index in sorted(indexes) if index >= 12]
    sums = before(session, POSTS, at, [_beginning(*month, zone) for month in local])
    # The last month only ends the one before it.
    numbers = {
        month: after - earlier
        for month, (earlier, after) in zip(local, pairwise(sums), strict=False)
    }
    return {month: number for month, number in numbers.items() if number}


def corrections(session: Session, at: datetime) -> Counter[str]:
    """Return by list key what to add to the stored number for the number at that moment."""
    return Counter(
        {row.shelf: row.shift for row in rows(session, CORRECTIONS, shelf=POSTS, moment=at)}
    )


def _jump(
    session: Session, list_key: str, at: datetime, position: int, end: datetime, offset: int
) -> tuple[datetime, int]:
    """Return a later bound and a smaller offset that lead to the same post as `end` and `offset`.

    `position` is the number of posts up to and including that post, from the oldest. The bound is
    the end of the month in which it was published.
    """
    months, sums = calendar(session, list_key, at)
    index = bisect_left(sums, position)
    if position <= 0 or index == len(months):
        return end, offset
    month_end = _next_month(months[index])
    if month_end >= end:
        return end, offset
    return month_end, sums[index] - position


def calendar(session: Session, list_key: str, at: datetime) -> tuple[list[datetime], list[int]]:
    """Return the months (in UTC) that have visible posts, and the number up to the end of each."""
    posts: Counter[str] = Counter()
    for month, more in rows(session, MONTHS, shelf=list_key, moment=at):
        posts[month] += more
    names = sorted(name for name, number in posts.items() if number)
    months = [datetime(int(name[:4]), int(name[5:]), 1, tzinfo=UTC) for name in names]
    return months, list(accumulate(posts[name] for name in names))


def _beginning(year: int, month: int, zone: tzinfo) -> datetime:
    if (year, month) == (1, 1):  # converting it to UTC may be out of range
        return BEGINNING
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC)


def _nearest_month(time: datetime) -> datetime:
    """Return the beginning of a month that is nearest to a time in UTC."""
    month = time.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = _next_month(month)
    return month if time - month <= after - time else after


def _next_month(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)
