"""Names of actions: what a transaction does, as the audit log stores it.

An action is a function that is passed to a transaction. Its name, such as `post.publish`, is a noun
and a verb. It is stored in every log entry, so it never changes, even when the function or its
module is renamed. `blog/admin/audit_labels.py` has a label for each action.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

NOUN_AND_VERB = re.compile(r"[a-z]+\.[a-z_]+")
LONGEST = 100  # characters in the column `change.act`

declared: dict[str, str] = {}  # name -> the function that declares it, as `module.function`


def action(name: str) -> Callable[[F], F]:
    """Declare the name under which the audit log stores what a function does.

    Raises `ValueError` for a name that is not `noun.verb`, or that another function declares.
    """
    if not NOUN_AND_VERB.fullmatch(name) or len(name) > LONGEST:
        raise ValueError(f"not a noun and a verb: {name!r}")

    def declare(work: F) -> F:
        place = f"{work.__module__}.{work.__qualname__}"
        if declared.setdefault(name, place) != place:
            raise ValueError(f"{name!r} is declared by {declared[name]} and by {place}")
        work.action_name = name  # type: ignore[attr-defined]  # a function takes any attribute
        return work

    return declare


def name_of(work: Callable[..., object]) -> str:
    """Return the declared name of an action, also when `partial` or a decorator wraps it.

    For a function without a declared name, the name of the function is used, because a forgotten
    declaration must not make a write fail. That name has no dot, so it cannot be mistaken for a
    declared one.
    """
    while isinstance(work, partial):
        work = work.func
    own_name = getattr(work, "__name__", "").strip("_")[:LONGEST]
    return str(getattr(work, "action_name", own_name))  # `functools.wraps` copies the attribute
