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
from blog.models.question import Question, Term
from blog.models.search_index import FullText, Sought
from blog.models.search_postgresql import Tsvector
from blog.models.search_sqlite import Fts5

MOST_RANKED = 500


@dataclass(frozen=True)
class Ranked:
    """Ids of posts, the best first, and the terms that each is shown with. `is_more`: there are
    others, which were not ranked."""

    posts: Sequence[tuple[int, Sequence[Term]]] = ()
    is_more: bool = False


def full_text(connection: Session | Connection) -> FullText:
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return Tsvector() if bind.dialect.name == "postgresql" else Fts5()


def by_every(session: Session, question: Question) -> Ranked:
    """What has every term: whole words before begun ones, the title before tags before the text,
    then by score, then the newest."""
    whole = _newest(session, Sought(question.finished))
    found = dict(whole)
    if question.has_prefix and len(whole) <= MOST_RANKED:
        found |= _newest(session, Sought(question.terms))
    if is_more := len(found) > MOST_RANKED:
        whole |= _newest(session, Sought(question.finished, is_titled=True))
        found |= whole
        scores: Any = {}
    else:
        scores = _scores(session, Sought(question.terms), found)

    def merit(place: int) -> tuple[Any, ...]:
        row = found[place]
        return place in whole, *_places(row, question), scores.get(place, 0.0), place

    order = sorted(found, key=merit, reverse=True)
    terms = {True: question.finished, False: question.terms}
    posts = [(found[place].post_id, terms[place in whole]) for place in order]
    return Ranked(posts[:MOST_RANKED], is_more)


def by_some(session: Session, question: Question) -> Ranked:
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
        scores = _scores(session, Sought(question.loose, every=False), found)
    order = sorted(found, key=lambda place: (scores.get(place, 0.0), place), reverse=True)
    posts = [(found[place].post_id, question.loose) for place in order]
    return Ranked(posts[:MOST_RANKED], is_more)


def _newest(session: Session, sought: Sought) -> dict[int, Any]:
    """One more than are ranked, by their places; an older release gave none."""
    if not sought.terms:
        return {}
    rows = full_text(session).newest(session, sought, now(), MOST_RANKED + 1)
    return {row.place or row.post_id: row for row in rows}


def _scores(session: Session, sought: Sought, found: dict[int, Any]) -> Any:
    return full_text(session).scores(session, sought, list(found)) if found else {}


def _places(row: Any, question: Question) -> list[bool]:
    """The very title; every term in the title; every term in title or tags."""
    said = [row.title == question.canonical]
    for terms in dict.fromkeys((question.finished, question.terms)):
        said.append(all(term.canonical in row.title for term in terms))
        said.append(
            all(term.canonical in row.title or term.canonical in row.tags for term in terms)
        )
    return said
