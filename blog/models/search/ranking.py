"""In which order what was found is shown.

A word that stands in more posts than are ranked says little by how often it does: of such, those
that have it in their titles come first, and the newest of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from blog.models.base import now
from blog.models.search.query import SearchQuery, Term
from blog.models.search.schema import FullText, Sought
from blog.models.search.search_postgresql import Tsvector
from blog.models.search.search_sqlite import Fts5

MOST_RANKED, MOST_TITLED = 200, 100


@dataclass(frozen=True)
class Ranked:
    """Ids of posts, the best first, and the terms that each is shown with. `is_more`: there are
    others, which were not ranked."""

    posts: Sequence[tuple[int, Sequence[Term]]] = ()
    is_more: bool = False


def full_text(connection: Session | Connection) -> FullText:
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return Tsvector() if bind.dialect.name == "postgresql" else Fts5()


def by_every(session: Session, question: SearchQuery) -> Ranked:
    """What has every term: whole words before begun ones, the title before tags before the text,
    then by score, then the newest."""
    whole = _newest(session, Sought(question.finished))
    found = dict(whole)
    if question.has_prefix and len(whole) <= MOST_RANKED:
        found |= _newest(session, Sought(question.terms))
    if is_more := len(found) > MOST_RANKED:
        whole |= _newest(session, Sought(question.finished, is_titled=True), MOST_TITLED)
        found |= whole
        scores: Any = {}
    else:
        scores = _scores(session, question.terms, found)

    title, both = question.canonical, dict.fromkeys((question.finished, question.terms))
    wanted = [[term.canonical for term in terms] for terms in both]

    def merit(place: int) -> tuple[Any, ...]:
        score = scores.get(place, 0.0)
        return place in whole, *_places(found[place], title, wanted), score, place

    order = sorted(found, key=merit, reverse=True)
    terms = {True: question.finished, False: question.terms}
    posts = [(found[place].post_id, terms[place in whole]) for place in order]
    return Ranked(posts[:MOST_RANKED], is_more)


def by_some(session: Session, question: SearchQuery) -> Ranked:
    """What has any of the words: by score, or, of too many, by how rare the words are."""
    found = _newest(session, Sought(question.loose, every=False))
    is_more = len(found) > MOST_RANKED
    if is_more:
        scores: Any = Counter()
        for term in question.loose:
            having = _newest(session, Sought([term]))
            found |= having
            scores.update(dict.fromkeys(having, 1 / len(having) if having else 0))
    else:
        scores = _scores(session, question.loose, found)
    order = sorted(found, key=lambda place: (scores.get(place, 0.0), place), reverse=True)
    posts = [(found[place].post_id, question.loose) for place in order]
    return Ranked(posts[:MOST_RANKED], is_more)


def _newest(session: Session, sought: Sought, most: int = 0) -> dict[int, Any]:
    """One more than are ranked, by their places; an older release gave none."""
    if not sought.terms:
        return {}
    rows = full_text(session).newest(session, sought, now(), most or MOST_RANKED + 1)
    return {row.place or row.post_id: row for row in rows}


def _scores(session: Session, terms: Sequence[Term], found: dict[int, Any]) -> Any:
    """By the rare among the terms: to weigh one that is everywhere takes long and tells nothing."""
    if len(found) < 2:
        return {}
    index = full_text(session)
    most = MOST_RANKED + 1
    rare = [term for term in terms if len(terms) == 1 or index.count(session, term, most) < most]
    return index.scores(session, rare, list(found)) if rare else {}


def _places(row: Any, whole: str, wanted: Sequence[Sequence[str]]) -> list[bool]:
    """The very title; every term in the title; every term in title or tags."""
    title, said = row.title, [row.title == whole]
    for terms in wanted:
        outside = [term for term in terms if term not in title]
        said.append(not outside)
        said.append(not [term for term in outside if term not in row.tags])
    return said
