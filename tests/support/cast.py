"""The example data of the tests: people, posts in every state, and comments.

`fill(database)` creates it in an empty, migrated database. `sign_in(database, user)` returns the
cookies of a new session. Each word in `Cast.secrets` occurs only in content that visitors must not
see, and each word in `Cast.spoken` in only one public post.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from blog.db import Database
from blog.markup import RENDERER, render
from blog.models.base import now
from blog.models.comments.comment import APPROVED, PENDING, SPAM, Comment
from blog.models.posts import editing, publishing
from blog.models.posts.editing import WorkingCopy
from blog.models.posts.post import PAGE, POST, Post
from blog.models.settings import save_settings, site
from blog.models.users import setup, signin, user
from blog.models.users.user import User

ADDRESS = "http://ink.example"
SECURE_ADDRESS = "https://ink.example"
TITLE = "The Ink House"
PASSWORD = "seven quiet herons"
# The header that a browser adds to a form submitted from our own page.
OURS = {"sec-fetch-site": "same-origin"}
# Argon2 with minimal cost. Verification reads the cost from the hash.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHED = CHEAP.hash(PASSWORD)


@dataclass(frozen=True)
class Planted:
    """A post. `word` occurs in its title, summary, body and tag, and nowhere else."""

    id: int
    title: str
    word: str
    path: str
    kind: str = POST


@dataclass
class Cast:
    """People by name, and posts by author and state, as attributes: `cast.ann_draft`."""

    people: dict[str, User] = field(default_factory=dict)
    posts: dict[str, Planted] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        for objects in (self.__dict__.get("people", {}), self.__dict__.get("posts", {})):
            if name in objects:
                return objects[name]
        raise AttributeError(name)

    @property
    def secrets(self) -> dict[str, str]:
        """Words that no list, feed or search may show to a visitor."""
        hidden = {name: post.word for name, post in self.posts.items() if name in HIDDEN}
        unread = {name: COMMENTS[name][2] for name in ("paul", "spammer")}
        return {**hidden, **unread, "ann_edited's working copy": HALF_TYPED}

    @property
    def spoken(self) -> dict[str, str]:
        """Words of the posts in public lists."""
        return {name: post.word for name, post in self.posts.items() if name not in HIDDEN}


# name: display name, role. Dan is disabled, Lee is a byline.
PEOPLE = {
    "ann": ("Ann Archer", "author"),
    "bob": ("白波", "author"),
    "eve": ("Eve Edgar", "editor"),
    "dan": ("Dan Gone", "author"),
    "lee": ("Lee Byline", "author"),
}
HIDDEN = (
    "ann_draft",
    "ann_scheduled",
    "ann_unlisted",
    "ann_trashed",
    "ann_withdrawn",
    "bob_draft",
    "bob_scheduled",
)
HALF_TYPED = "quagmirish"
# name: author, word, days from now until publication (None: never), what happened afterwards
POSTS: dict[str, tuple[str, str, float | None, str]] = {
    "ann_live": ("ann", "marmalade", -40, ""),
    "ann_edited": ("ann", "saffronly", -9, "typed on"),
    "ann_draft": ("ann", "quillwort", None, ""),
    "ann_scheduled": ("ann", "vermilion", 3, ""),
    "ann_unlisted": ("ann", "ultramarine", -6, "unlisted"),
    "ann_trashed": ("ann", "ochreous", -5, "trashed"),
    "ann_withdrawn": ("ann", "umberlike", -4, "withdrawn"),
    "bob_live": ("bob", "celadonic", -2, ""),
    "bob_draft": ("bob", "gambogian", None, ""),
    "bob_scheduled": ("bob", "tangerine", 30, ""),
}
# name: post, name of the parent comment, text, state. Rita and Paul have an email address.
COMMENTS: dict[str, tuple[str, str, str, str]] = {
    "rita": ("ann_live", "", "A *lovely* spoonful.", APPROVED),
    "ann": ("ann_live", "rita", "Have another one, Rita.", APPROVED),
    "paul": ("ann_live", "", "unapprovedly", PENDING),
    "spammer": ("ann_live", "", "pillsandwatches", SPAM),
    "zhou": ("bob_zh", "", "写得真清楚，谢谢！", APPROVED),
}
ZH_TITLE, ZH_WORD = "阻塞与异步的青花瓷", "青花瓷"
ZH_BODY = f"""同步调用会**阻塞**线程。**重点。**后文说明{ZH_WORD}。

## 小标题

看 https://docs.example/异步 ，再继续。
"""


def fill(database: Database, address: str = ADDRESS) -> Cast:
    """Create all example data in an empty, migrated database."""
    cast = Cast()
    database.transact_now(_people, cast, address)
    for name in POSTS:
        database.transact_now(_plant, cast, name, by=cast.people["kim"])
    database.transact_now(_plant_chinese, cast, by=cast.people["kim"])
    database.transact_now(_plant_page, cast, by=cast.people["kim"])
    database.transact_now(_comment, cast)
    return cast


def sign_in(database: Database, user: User, *, secure: bool = False) -> dict[str, str]:
    """Create a session for this person and return its cookies."""
    token = database.transact_now(
        signin.create_session, user.id, "192.0.2.7", "a browser of the cast"
    )
    return {"__Host-session" if secure else "session": token}


def choose(database: Database, **chosen: Any) -> None:
    """Save settings, as the admin area does."""
    wishes = {name: save_settings.SettingUpdate(value) for name, value in chosen.items()}
    database.transact_now(save_settings.save, wishes)


def _people(session: Session, cast: Cast, address: str) -> None:
    kim = setup.set_up(
        session,
        title=TITLE,
        address=address,
        language="en",
        timezone="UTC",
        name="kim",
        email="kim@ink.example",
        password_hash=HASHED,
    )
    cast.people["kim"] = session.get_one(User, kim)
    cast.people["kim"].display_name = "Kim Keeper"
    session.get_one(site.Site, site.SITE_ID).navigation = [["About", "/about"]]
    for name, (display_name, role) in PEOPLE.items():
        cast.people[name] = user.create_user(
            session,
            name=name,
            display_name=display_name,
            email="" if name == "lee" else f"{name}@ink.example",
            role=role,
            password_hash=None if name == "lee" else HASHED,
        )
    user.disable(session, cast.people["dan"].id, by=cast.people["kim"])


def _plant(session: Session, cast: Cast, name: str, *, by: User) -> None:
    author, word, days, since = POSTS[name]
    copy = WorkingCopy(
        title=f"A {word} morning",
        summary=f"What the {word} was about.",
        body=f"Everything about the {word}.\n\n## The {word} itself\n\nIt was there.",
        tags=f"Python, {word}",
        is_listed=since != "unlisted",
    )
    post = _write(session, cast, name, author, POST, copy, word, by=by)
    if days is not None:
        _publish(session, post, now() + timedelta(days=days), by=by)
    _happen(session, post, since, by=by)


def _write(
    session: Session,
    cast: Cast,
    name: str,
    author: str,
    kind: str,
    copy: WorkingCopy,
    word: str,
    *,
    by: User,
) -> Post:
    id = editing.start(session, kind, copy.text("language") or "en", by=cast.people[author])
    editing.save(session, id, copy, by=by)
    post = session.get_one(Post, id)
    path = f"/{post.slug}" if kind == PAGE else f"/posts/{post.slug}"
    cast.posts[name] = Planted(id, copy.text("title"), word, path, kind)
    return post


def _publish(session: Session, post: Post, moment: datetime, *, by: User) -> None:
    """Publish the post at a moment that may be in the past."""
    at = moment if moment > now() else None
    publishing.publish(session, post.id, render(post.body), post.version, at, by=by)
    post.publish_at = moment
    session.flush()


def _happen(session: Session, post: Post, what: str, *, by: User) -> None:
    if what == "trashed":
        publishing.trash(session, post.id, by=by)
    elif what == "withdrawn":
        publishing.unpublish(session, post.id, by=by)
    elif what == "typed on":
        typed = WorkingCopy(
            title=f"{post.title} {HALF_TYPED}",
            slug=post.slug,
            summary=f"{post.summary} {HALF_TYPED}",
            body=f"{post.body}\n\nAnd then, {HALF_TYPED}, half a sen",
            tags=f"{post.tags}, {HALF_TYPED}",
            version=post.version,
        )
        editing.save(session, post.id, typed, by=by)


def _plant_chinese(session: Session, cast: Cast, *, by: User) -> None:
    copy = WorkingCopy(title=ZH_TITLE, body=ZH_BODY, tags="异步, 阻塞", language="zh")
    post = _write(session, cast, "bob_zh", "bob", POST, copy, ZH_WORD, by=by)
    _publish(session, post, now() - timedelta(days=1), by=by)


def _plant_page(session: Session, cast: Cast, *, by: User) -> None:
    copy = WorkingCopy(title="About", slug="about", body="Who we are: the *aboutness* of it.")
    post = _write(session, cast, "about", "eve", PAGE, copy, "aboutness", by=by)
    _publish(session, post, now() - timedelta(days=50), by=by)


def _comment(session: Session, cast: Cast) -> None:
    """Create the comments, two days ago and one hour apart."""
    moment = now() - timedelta(days=2)
    for hour, (name, (post, parent, words, state)) in enumerate(COMMENTS.items()):
        writer = cast.people.get(name)
        comment = Comment(
            uid=f"{name}-said",
            post_id=cast.posts[post].id,
            parent_id=cast.comments[parent].id if parent else None,
            user_id=writer.id if writer else None,
            name=writer.display_name if writer else name.title(),
            email="" if writer else f"{name}@elsewhere.example",
            wants_answers=name == "rita",
            body=words,
            body_html=render(words, trust="guest").html,
            renderer=RENDERER,
            state=state,
            created_at=moment + timedelta(hours=hour),
            decided_at=None if state == PENDING else moment + timedelta(days=1),
        )
        session.add(comment)
        session.flush()
        cast.comments[name] = comment
