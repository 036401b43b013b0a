"""Finding the posts that match a query and ranking them.

For a word in more posts than can be ranked, its frequency says little about a post. Posts with
such a word in their title come first, then the newest.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from blog.models.base import now
from blog.models.search.query import SearchQuery, Term
from blog.models.search.schema import Criteria, EntryRow, FullText
from blog.models.search.search_postgresql import Tsvector
from blog.models.search.search_sqlite import Fts5

MAX_RANKED, MAX_TITLED = 200, 100


@dataclass(frozen=True)
class Ranked:
    """The posts found, best first: the id of each and the terms to highlight in it.

    `is_more`: further posts match, which were not ranked.
    """

    posts: Sequence[tuple[int, Sequence[Term]]] = ()
    is_more: bool = False


def full_text(connection: Session | Connection) -> FullText:
    """Return the full-text index of the database in use."""
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return Tsvector() if bind.dialect.name == "postgresql" else Fts5()


def by_every(session: Session, query: SearchQuery) -> Ranked:
    """Rank the posts that contain every term.

    Complete words come before unfinished ones, hits in the title before those in tags and text;
    then the score decides, then the date.
    """
    whole = _newest(session, Criteria(query.finished))
    rows = dict(whole)
    if query.has_prefix and len(whole) <= MAX_RANKED:
        rows |= _newest(session, Criteria(query.terms))
    is_more = len(rows) > MAX_RANKED
    scores: Mapping[int, float] = {}
    if is_more:
        whole |= _newest(session, Criteria(query.finished, is_titled=True), MAX_TITLED)
        rows |= whole
    else:
        scores = _scores(session, query.terms, rows)

    canonical_query = query.canonical
    variants = dict.fromkeys((query.finished, query.terms))
    wanted = [[term.canonical for term in terms] for terms in variants]

    def sort_key(place: int) -> tuple[bool | float, ...]:
        matches = _title_and_tag_matches(rows[place], canonical_query, wanted)
        return place in whole, *matches, scores.get(place, 0.0), place

    order = sorted(rows, key=sort_key, reverse=True)
    terms = {True: query.finished, False: query.terms}
    posts = [(rows[place].post_id, terms[place in whole]) for place in order]
    return Ranked(posts[:MAX_RANKED], is_more)


def by_some(session: Session, query: SearchQuery) -> Ranked:
    """Rank the posts that contain any word, by score; if too many, by how rare the words are."""
    rows = _newest(session, Criteria(query.loose, every=False))
    is_more = len(rows) > MAX_RANKED
    scores: Mapping[int, float]
    if is_more:
        rarity: defaultdict[int, float] = defaultdict(float)
        for term in query.loose:
            having = _newest(session, Criteria([term]))
            rows |= having
            for place in having:
                rarity[place] += 1 / len(having)
        scores = rarity
    else:
        scores = _scores(session, query.loose, rows)
    order = sorted(rows, key=lambda place: (scores.get(place, 0.0), place), reverse=True)
    posts = [(rows[place].post_id, query.loose) for place in order]
    return Ranked(posts[:MAX_RANKED], is_more)


def _newest(session: Session, criteria: Criteria, most: int = 0) -> dict[int, EntryRow]:
    """Return matching posts by place: by default one more than are ranked.

    Uses the id of posts that an older release indexed without a place.
    """
    if not criteria.terms:
        return {}
    rows = full_text(session).newest(session, criteria, now(), most or MAX_RANKED + 1)
    return {row.place or row.post_id: row for row in rows}


def _scores(
    session: Session, terms: Sequence[Term], rows: Mapping[int, EntryRow]
) -> Mapping[int, float]:
    """Return scores by place, for rare terms only: scoring common ones is slow and of no use."""
    if len(rows) < 2:
        return {}
    index = full_text(session)
    most = MAX_RANKED + 1
    rare = [term for term in terms if len(terms) == 1 or index.count(session, term, most) < most]
    return index.scores(session, rare, list(rows)) if rare else {}


def _title_and_tag_matches(
    row: EntryRow, query: str, wanted: Sequence[Sequence[str]]
) -> list[bool]:
    """Return how well the title and tags match, as criteria in the order of their importance.

    The first is whether the title is the query. For each list of terms in `wanted` follows whether
    all are in the title, and whether all are in the title or the tags.
    """
    title, matches = row.title, [row.title == query]
    for terms in wanted:
        not_in_title = [term for term in terms if term not in title]
        matches.append(not not_in_title)
        matches.append(all(term in row.tags for term in not_in_title))
    return matches
