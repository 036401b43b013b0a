"""The child: `python -m blog.sandbox` does one job after another, and ends with its parent."""

import os
import resource
import select
import signal
import sys
import traceback
from typing import Any, BinaryIO

from blog import priority
from blog.config import N_
from blog.markup import TooMuch
from blog.sandbox import protocol
from blog.sandbox.images import NotAPicture
from blog.sandbox.jobs import JOBS


def main() -> None:
    memory, idle = int(sys.argv[1]), float(sys.argv[2])
    requests, replies = _humble(memory)
    replies.write(protocol.pack({"ready": os.getpid()}))
    replies.flush()
    while _asked(requests, idle) and (frame := protocol.read(requests)):
        replies.write(protocol.pack(*_done(*frame)))
        replies.flush()


def _humble(memory: int) -> tuple[BinaryIO, BinaryIO]:
    """Last in line for the processor, bounded in memory, and with a stdout that is ours alone."""
    priority.go_last()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; its end is ours
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not stand among the replies
    return sys.stdin.buffer, replies


def _asked(requests: BinaryIO, idle: float) -> bool:
    return bool(select.select([requests], [], [], idle)[0])


def _done(head: dict[str, Any], raw: bytes) -> protocol.Frame:
    """The reply to one request. When its time is over the kernel ends us in mid-word."""
    job = head["job"]
    signal.setitimer(signal.ITIMER_PROF, protocol.LIMITS[job].computing)
    try:
        return JOBS[job](head, raw)
    except TooMuch as refusal:
        return {"too_much": refusal.message, "params": refusal.params}, b""
    except NotAPicture as refusal:
        return {"refused": refusal.message, "params": refusal.params}, b""
    except MemoryError:
        return {
            "too_much": N_("Processing this needs more memory than allowed."),
            "params": {},
        }, b""
    except Exception:
        traceback.print_exc()
        return {"failed": traceback.format_exc(limit=-3)}, b""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main()
