"""Who comes first: whoever reads. All else in a process, and beside it, stands back."""

import gc
import os
import sys
import threading
from contextlib import suppress

TURN = 0.0005  # seconds that a busy thread keeps the event loop waiting; Python's own are 5 ms
HUMBLE = 10  # niceness


def settle() -> None:
    """To be called when all is there and nobody is served yet.

    What was made so far stays for good: to look through it for what is not wanted any more would
    hold the event loop for some thirty milliseconds each time.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN)


def stand_back() -> None:
    """The calling thread goes last. Not for one that holds the GIL for long: then all wait."""
    with suppress(OSError):  # where threads have no niceness of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HUMBLE)
