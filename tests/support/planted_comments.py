"""Comments as tests plant them, past the door that guests come in by."""

import itertools
from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from blog.markup import RENDERER, render
from blog.models.base import now
from blog.models.comments.comment import PENDING, Comment

numbers = itertools.count(1)
DEFAULTS = {"name": "Gus Guest", "state": PENDING}


def remark(
    session: Session, post_id: int, body: str, *, links: Iterable[str] = (), **given: Any
) -> Comment:
    """A comment that is kept; it waits unless `state` says otherwise."""
    body = "\n\n".join([body, *(f"<{link}>" for link in links)])
    comment = Comment(
        post_id=post_id,
        body=body,
        body_html=render(body, trust="guest").html,
        renderer=RENDERER,
        **DEFAULTS | {"uid": f"remark{next(numbers)}", "created_at": now()} | given,
    )
    session.add(comment)
    session.flush()
    return comment
