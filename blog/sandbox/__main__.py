"""The sandbox process: `python -m blog.sandbox` does one job after another for its parent.

It ends when the parent closes its stdin, or when it has had no job for the given time.
"""

import os
import resource
import select
import signal
import sys
import traceback
from typing import BinaryIO

from blog import priority
from blog.config import N_
from blog.markup import TooMuch
from blog.sandbox import protocol
from blog.sandbox.images import NotAPicture
from blog.sandbox.jobs import JOBS


def main() -> None:
    """Do jobs from stdin. The arguments are the memory limit in bytes and the idle time."""
    memory, idle_seconds = int(sys.argv[1]), float(sys.argv[2])
    requests, replies = _restrict(memory)
    replies.write(protocol.pack({"ready": os.getpid()}))
    replies.flush()
    while _has_request(requests, idle_seconds) and (frame := protocol.read(requests)):
        replies.write(protocol.pack(*_reply(*frame)))
        replies.flush()


def _restrict(memory: int) -> tuple[BinaryIO, BinaryIO]:
    """Lower the priority, limit the memory, and return stdin and a private copy of stdout."""
    priority.lower_process_priority()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that what libraries print is not mixed with the replies
    return sys.stdin.buffer, replies


def _has_request(requests: BinaryIO, idle_seconds: float) -> bool:
    """Wait for input. Also true at its end, when the parent is gone."""
    return bool(select.select([requests], [], [], idle_seconds)[0])


def _reply(head: protocol.Head, raw: bytes) -> protocol.Frame:
    """Do one job and return its reply. When its processor time is used up, the kernel kills us."""
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
