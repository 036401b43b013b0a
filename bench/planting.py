"""What the measured world holds, put in by the thousand: posts, tags, authors and comments.

A thousand posts have ten comments each; of more than that, it is the newest that have them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, update
from sqlalchemy.orm import Session

from blog.db import Database
from blog.markup import RENDERER, Rendered, render
from blog.models.addresses.address import Address, key_of
from blog.models.base import now
from blog.models.comments.comment import APPROVED, Comment
from blog.models.posts.post import Post, PostAuthor
from blog.models.posts.revision import Revision, RevisionAuthor, RevisionTag
from blog.models.search import ranking, search
from blog.models.search.schema import IDS, Pieces, entry, place_of
from blog.models.search.search_postgresql import gin
from blog.models.search.tokenizer import fold, pieces
from blog.models.settings import site
from blog.models.tags.tag import Tag
from blog.models.users import setup, user

TITLE, TAGLINE = "The Ink House", "A blog that is measured"
AT_ONCE = 1000
TAGS, TEXTS = 40, 100
COMMON_TAG, RARE_TAG = TAGS, TAGS + 1  # of every other post, and of the three oldest
CHINESE = "墨水与纸，一笔一画。"  # in each tenth text
COMMENTED, COMMENTS = 1000, 10
APART = timedelta(minutes=20)
# The measured post has newer ones; its text is as long as makes a page of 12 kB.
NEWER, LENGTH, USUAL_LENGTH = 5, 100, 250
UNTOLD: dict[str, Any] = {"tags": ()}


@dataclass(frozen=True)
class Text:
    """A text that many posts share, as readers and as searches see it."""

    shown: Rendered
    found: list[str]


def measured(posts: int) -> int:
    """The id of the post whose page everybody serves."""
    return max(2, posts - NEWER)


def plant(database: Database, posts: int) -> None:
    texts = [
        text(random.Random(seed), USUAL_LENGTH, CHINESE * (seed % 10 == 0))  # noqa: S311 -- the same texts each time
        for seed in range(TEXTS)
    ]
    own = text(random.Random(0), LENGTH)  # noqa: S311 -- the same texts each time
    newest = now() - APART
    database.transact_now(people)
    database.transact_now(drop_index)
    for first in range(1, posts + 1, AT_ONCE):
        ids = range(first, min(first + AT_ONCE, posts + 1))
        chosen = {id: own if id == measured(posts) else texts[id % TEXTS] for id in ids}
        times = {id: newest - APART * (posts - id) for id in ids}
        commented = [id for id in ids if id > posts - COMMENTED]
        database.transact_now(batch, times, chosen, commented)
    database.transact_now(make_index)


def drop_index(session: Session) -> None:
    """PostgreSQL's for words takes ten times as long where it grows post by post."""
    for index in gin.indexes:
        index.drop(session.connection(), checkfirst=True)


def make_index(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        for index in gin.indexes:
            index.create(session.connection())


def people(session: Session) -> None:
    given = {"title": TITLE, "address": "http://ink.example", "language": "en", "timezone": "UTC"}
    setup.set_up(session, **given, name="kim", email="k@x.example", password_hash="-")  # noqa: S106 -- nobody signs in
    row = session.get_one(site.Site, site.SITE_ID)
    row.tagline, row.navigation = TAGLINE, [["About", "/about"]]
    row.choices = {"backup_every": 0}  # a backup in the middle would be measured, too
    for name in ("Ann Archer", "Bob White"):
        given = {"name": name.split()[0].lower(), "display_name": name, "email": ""}
        user.create_user(session, **given, role="author", password_hash=None)
    put(session, Tag, [{"id": n, "name": tag_of(n), "slug": f"tag-{n}"} for n in range(TAGS + 2)])


def batch(
    session: Session, times: dict[int, datetime], texts: dict[int, Text], commented: list[int]
) -> None:
    """Posts with all that hangs on them. An id is the same in every table."""
    tagged = [(id, n, tag) for id in times for n, tag in enumerate(tags_of(id))]
    put(session, Post, [post(id, at) for id, at in times.items()])
    put(session, Address, [address(id, at) for id, at in times.items()])
    put(session, Revision, [revision(id, at, texts[id].shown) for id, at in times.items()])
    put(session, PostAuthor, [{"post_id": id, "user_id": 2 + id % 2} for id in times])
    put(session, RevisionAuthor, [{"revision_id": id, "user_id": 2 + id % 2} for id in times])
    put(
        session, RevisionTag, [{"revision_id": r, "tag_id": t, "position": n} for r, n, t in tagged]
    )
    live = update(Post).where(Post.id.in_(times))
    live = live.values(live_revision_id=Post.id, address_id=Post.id)
    session.execute(live, execution_options=UNTOLD | {"synchronize_session": False})
    put(session, Comment, [row for id in commented for row in comments(id, times[id])])
    index(session, times, texts)


def index(session: Session, times: dict[int, datetime], texts: dict[int, Text]) -> None:
    """What `search.rebuild` would come to, without folding the same text a thousand times."""
    found = {
        place_of(id, times[id]): Pieces(
            pieces(fold(title_of(id))), pieces(fold(" ".join(map(tag_of, tags_of(id))))), text.found
        )
        for id, text in texts.items()
    }
    known = [
        {
            "post_id": place % IDS,
            "version": search.VERSION,
            "title": search.canonical(row.title),
            "tags": search.canonical(row.tags),
            "place": place,
        }
        for place, row in found.items()
    ]
    ranking.full_text(session).put(session, found)
    session.execute(insert(entry), known, execution_options=UNTOLD)


def put(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    table: Table = model.__table__
    if rows:
        session.execute(insert(table), rows, execution_options=UNTOLD)


# --- what stands in each row ---


def post(id: int, at: datetime) -> dict[str, Any]:
    common = {"uid": f"urn:bench:{id}", "title": title_of(id), "slug": slug_of(id)}
    tags = ", ".join(map(tag_of, tags_of(id)))
    return common | {"id": id, "language": "en", "tags": tags, "publish_at": at, "announced_at": at}


def address(id: int, at: datetime) -> dict[str, Any]:
    path = path_of(id)
    return {"id": id, "path": path, "key": key_of(path), "post_id": id, "live_since": at}


def revision(id: int, at: datetime, made: Rendered) -> dict[str, Any]:
    return {
        "id": id,
        "post_id": id,
        "title": title_of(id),
        "slug": slug_of(id),
        "excerpt": made.text[:80],
        "body": made.text,
        "body_html": made.html,
        "text": made.text,
        "outline": [list(heading) for heading in made.outline],
        "renderer": RENDERER,
        "words": made.words,
        "minutes": made.minutes,
        "language": "en",
        "as_of": at,
    }


def comments(id: int, at: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, COMMENTS + 1):
        words = said(id, number)
        yield {
            "uid": f"c{id}-{number}",
            "post_id": id,
            "name": f"Reader {number}",
            "body": words,
            "body_html": f"<p>{words}</p>\n",
            "renderer": RENDERER,
            "language": "en",
            "state": APPROVED,
            "created_at": at + timedelta(minutes=number),
        }


def title_of(id: int) -> str:
    return f"Notes on ink, part {id}"


def slug_of(id: int) -> str:
    return f"notes-on-ink-part-{id}"


def path_of(id: int) -> str:
    return f"/posts/{slug_of(id)}"


def tag_of(number: int) -> str:
    return f"Tag {number}"


def tags_of(id: int) -> list[int]:
    """Three different ones; of forty posts, three bear the same. And what few or many bear."""
    more = [COMMON_TAG] * (id % 2 == 0) + [RARE_TAG] * (id <= 3)
    return [id % TAGS, (id + 13) % TAGS, (id + 26) % TAGS, *more]


def said(id: int, number: int) -> str:
    return f"Part {id} made me try it, {number} times."


def text(chance: random.Random, words: int, last: str = "") -> Text:
    """Markdown of so many words, with a heading every hundred, rendered as an author's would be."""
    parts = []
    for number in range(0, words, 100):
        heading = f"## On {sentence(chance, 3)}\n\n" if number else ""
        parts.append(f"{heading}{sentence(chance, 50)}.\n\n{sentence(chance, 50)}.\n")
    shown = render("\n".join([*parts, last]))
    return Text(shown, pieces(fold(shown.text)))


def sentence(chance: random.Random, words: int) -> str:
    """So many words, of thousands that are told apart by their syllables."""
    syllables = ("in", "ka", "ro", "pa", "per", "qui", "ll", "sta", "mo", "re", "ven", "do")
    return " ".join(
        "".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(words)
    )
