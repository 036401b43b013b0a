"""Creates comments directly in the database, without the form that guests use."""

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
    session: Session, post_id: int, body: str, *, links: Iterable[str] = (), **values: Any
) -> Comment:
    """Create a comment, which is pending unless `state` is given."""
    body = "\n\n".join([body, *(f"<{link}>" for link in links)])
    comment = Comment(
        post_id=post_id,
        body=body,
        body_html=render(body, trust="guest").html,
        renderer=RENDERER,
        **DEFAULTS | {"uid": f"remark{next(numbers)}", "created_at": now()} | values,
    )
    session.add(comment)
    session.flush()
    return comment
