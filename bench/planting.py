"""Fills the measured blog with posts, tags, authors and comments, in bulk inserts.

The latest 1,000 posts have ten comments each.
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
BATCH_SIZE = 1000
TAGS, TEXTS = 40, 100
COMMON_TAG, RARE_TAG = TAGS, TAGS + 1  # on every second post, on the three oldest posts
CHINESE = "墨水与纸，一笔一画。"  # at the end of every tenth text
COMMENTED, COMMENTS = 1000, 10
INTERVAL = timedelta(minutes=20)
# NEWER posts follow the measured post. Its text of LENGTH words makes a page of 12 kB; the texts of
# other posts have USUAL_LENGTH words.
NEWER, LENGTH, USUAL_LENGTH = 5, 100, 250
NO_CACHE_TAGS: dict[str, Any] = {"tags": ()}


@dataclass(frozen=True)
class Text:
    """The text of one or more posts: rendered, and split into terms for the search index."""

    rendered: Rendered
    terms: list[str]


def measured_id(posts: int) -> int:
    """Return the id of the post whose page all targets serve."""
    return max(2, posts - NEWER)


def plant(database: Database, posts: int) -> None:
    """Set up the blog and insert this number of posts."""
    texts = [
        text(random.Random(seed), USUAL_LENGTH, CHINESE if seed % 10 == 0 else "")  # noqa: S311 -- the same texts each time
        for seed in range(TEXTS)
    ]
    measured_text = text(random.Random(0), LENGTH)  # noqa: S311 -- the same texts each time
    latest = now() - INTERVAL
    database.transact_now(people)
    database.transact_now(drop_index)
    for first in range(1, posts + 1, BATCH_SIZE):
        ids = range(first, min(first + BATCH_SIZE, posts + 1))
        selected = {
            id: measured_text if id == measured_id(posts) else texts[id % TEXTS] for id in ids
        }
        times = {id: latest - INTERVAL * (posts - id) for id in ids}
        commented = [id for id in ids if id > posts - COMMENTED]
        database.transact_now(batch, times, selected, commented)
    database.transact_now(make_index)


def drop_index(session: Session) -> None:
    """Drop the full-text indexes of PostgreSQL: updating them post by post is ten times slower."""
    for index in gin.indexes:
        index.drop(session.connection(), checkfirst=True)


def make_index(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        for index in gin.indexes:
            index.create(session.connection())


def people(session: Session) -> None:
    """Set up the blog with a site owner, two authors and all tags."""
    values = {"title": TITLE, "address": "http://ink.example", "language": "en", "timezone": "UTC"}
    setup.set_up(session, **values, name="kim", email="k@x.example", password_hash="-")  # noqa: S106 -- nobody signs in
    row = session.get_one(site.Site, site.SITE_ID)
    row.tagline, row.navigation = TAGLINE, [["About", "/about"]]
    row.choices = {"backup_every": 0}  # a backup during a run would be measured, too
    for name in ("Ann Archer", "Bob White"):
        values = {"name": name.split()[0].lower(), "display_name": name, "email": ""}
        user.create_user(session, **values, role="author", password_hash=None)
    put(session, Tag, [{"id": n, "name": tag_of(n), "slug": f"tag-{n}"} for n in range(TAGS + 2)])


def batch(
    session: Session, times: dict[int, datetime], texts: dict[int, Text], commented: list[int]
) -> None:
    """Insert posts with all dependent rows. A post has the same id in every table."""
    tagged = [(id, n, tag) for id in times for n, tag in enumerate(tags_of(id))]
    put(session, Post, [post(id, at) for id, at in times.items()])
    put(session, Address, [address(id, at) for id, at in times.items()])
    put(session, Revision, [revision(id, at, texts[id].rendered) for id, at in times.items()])
    put(session, PostAuthor, [{"post_id": id, "user_id": 2 + id % 2} for id in times])
    put(session, RevisionAuthor, [{"revision_id": id, "user_id": 2 + id % 2} for id in times])
    put(
        session, RevisionTag, [{"revision_id": r, "tag_id": t, "position": n} for r, n, t in tagged]
    )
    live = update(Post).where(Post.id.in_(times))
    live = live.values(live_revision_id=Post.id, address_id=Post.id)
    session.execute(live, execution_options=NO_CACHE_TAGS | {"synchronize_session": False})
    put(session, Comment, [row for id in commented for row in comments(id, times[id])])
    index(session, times, texts)


def index(session: Session, times: dict[int, datetime], texts: dict[int, Text]) -> None:
    """Write the same index entries as `search.rebuild`, but tokenize each shared text only once."""
    indexed = {
        place_of(id, times[id]): Pieces(
            pieces(fold(title_of(id))), pieces(fold(" ".join(map(tag_of, tags_of(id))))), text.terms
        )
        for id, text in texts.items()
    }
    entries = [
        {
            "post_id": place % IDS,
            "version": search.VERSION,
            "title": search.canonical(row.title),
            "tags": search.canonical(row.tags),
            "place": place,
        }
        for place, row in indexed.items()
    ]
    ranking.full_text(session).put(session, indexed)
    session.execute(insert(entry), entries, execution_options=NO_CACHE_TAGS)


def put(session: Session, model: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows into the table of a model."""
    table: Table = model.__table__
    if rows:
        session.execute(insert(table), rows, execution_options=NO_CACHE_TAGS)


# --- values of the rows ---


def post(id: int, at: datetime) -> dict[str, Any]:
    common = {"uid": f"urn:bench:{id}", "title": title_of(id), "slug": slug_of(id)}
    tags = ", ".join(map(tag_of, tags_of(id)))
    return common | {"id": id, "language": "en", "tags": tags, "publish_at": at, "announced_at": at}


def address(id: int, at: datetime) -> dict[str, Any]:
    path = path_of(id)
    return {"id": id, "path": path, "key": key_of(path), "post_id": id, "live_since": at}


def revision(id: int, at: datetime, rendered: Rendered) -> dict[str, Any]:
    return {
        "id": id,
        "post_id": id,
        "title": title_of(id),
        "slug": slug_of(id),
        "excerpt": rendered.text[:80],
        "body": rendered.text,
        "body_html": rendered.html,
        "text": rendered.text,
        "outline": [list(heading) for heading in rendered.outline],
        "renderer": RENDERER,
        "words": rendered.words,
        "minutes": rendered.minutes,
        "language": "en",
        "as_of": at,
    }


def comments(id: int, at: datetime) -> Iterator[dict[str, Any]]:
    for number in range(1, COMMENTS + 1):
        words = comment_text(id, number)
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
    """Return the numbers of the tags of a post.

    Each has three of the forty ordinary tags, and perhaps the common and the rare one.
    """
    tags = [id % TAGS, (id + 13) % TAGS, (id + 26) % TAGS]
    if id % 2 == 0:
        tags.append(COMMON_TAG)
    if id <= 3:
        tags.append(RARE_TAG)
    return tags


def comment_text(id: int, number: int) -> str:
    return f"Part {id} made me try it, {number} times."


def text(chance: random.Random, words: int, last: str = "") -> Text:
    """Return a rendered Markdown text with this number of words and a heading every 100 words."""
    parts = []
    for number in range(0, words, 100):
        heading = f"## On {sentence(chance, 3)}\n\n" if number else ""
        parts.append(f"{heading}{sentence(chance, 50)}.\n\n{sentence(chance, 50)}.\n")
    rendered = render("\n".join([*parts, last]))
    return Text(rendered, pieces(fold(rendered.text)))


def sentence(chance: random.Random, words: int) -> str:
    """Return this number of random words, which are made of syllables."""
    syllables = ("in", "ka", "ro", "pa", "per", "qui", "ll", "sta", "mo", "re", "ven", "do")
    return " ".join(
        "".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(words)
    )
