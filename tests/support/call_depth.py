"""The calls of this project that lead from a view to an SQL statement.

    with traced_statements(client.app.ctx.database.writing) as statements:
        client.post("/admin/comments/approve", {"ids": 1}, cookies=cookies)
    calls = calls_to("UPDATE comment", statements)
    assert len(calls) <= 6, calls

Every function or method below `blog/` that is on the stack counts as one call, lambdas and the
wrappers of decorators too. A call that hands its work over to a thread counts as well: the stack of
`ThreadPoolExecutor.submit` is noted, and put before the stack of the thread. Calls start at the
view, which is the first function that Sanic's router calls.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from sqlalchemy import Engine, event

P = ParamSpec("P")
T = TypeVar("T")
# Python 3.11 runs these in frames of their own, but they are not calls in the source text.
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


@dataclass(frozen=True)
class TracedStatement:
    """An SQL statement, and the calls that led to it, as `module.function` from the view down."""

    sql: str
    calls: tuple[str, ...]


@contextmanager
def traced_statements(engine: Engine) -> Iterator[list[TracedStatement]]:
    """Note every statement that the engine executes, with the calls that led to it."""
    statements: list[TracedStatement] = []
    thread = threading.local()
    submit = ThreadPoolExecutor.submit

    def submit_with_calls(
        executor: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        calls_before = _calls(sys._getframe())

        def run() -> T:
            thread.calls_before = calls_before
            return work(*args, **kwargs)

        return submit(executor, run)

    def note(_connection: Any, _cursor: Any, sql: str, *_more: Any) -> None:
        calls_before = getattr(thread, "calls_before", ())
        statements.append(TracedStatement(sql, calls_before + _calls(sys._getframe())))

    event.listen(engine, "before_cursor_execute", note)
    try:
        with patch.object(ThreadPoolExecutor, "submit", submit_with_calls):
            yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def calls_to(beginning: str, statements: list[TracedStatement]) -> tuple[str, ...]:
    """Return the calls that led to the first statement that begins with this text.

    Fails if there is none.
    """
    found = [statement for statement in statements if statement.sql.startswith(beginning)]
    assert found, [statement.sql for statement in statements]
    return found[0].calls


def _calls(innermost: FrameType) -> tuple[str, ...]:
    """Return the functions of this project on a stack, from the view down.

    Frames are told apart by the names of their modules, because Sanic compiles some of its methods
    anew, without the name of their file.
    """
    calls: list[str] = []
    frame: FrameType | None = innermost
    while frame and _package(frame) != "sanic":
        if _package(frame) == "blog" and frame.f_code.co_name not in COMPREHENSIONS:
            calls.append(f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(calls))


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
