"""Has a worker that is dead or hung replaced, and sees that no process outlives the main one."""

import os
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import active_children, resource_tracker
from multiprocessing.sharedctypes import RawArray
from typing import Any

from sanic import Sanic
from sanic.log import error_logger as log
from sanic.worker.constants import ProcessState
from sanic.worker.manager import WorkerManager
from sanic.worker.process import WorkerProcess

from blog.server.heartbeat import (
    EXTRA,
    LEAVING,
    SLOTS,
    VITALS,
    beat,
    follow_main,
    slot_of,
    unshield,
)

TICK = 0.25  # seconds between two looks
REST = 2.0  # seconds that main waits for an order once all workers have come up
HUNG = 40  # looks without a beat, ten seconds: something holds up the loop
LATE = 120  # looks without a first beat, thirty seconds: it will not come up
PATIENCE = 20  # looks until a replacement that has not come is asked for again
TRIES = 2  # at a worker that dies during the first start, after the first
LONGEST_PAUSE = 120  # looks between two tries at a worker that dies before it serves
GOING_DOWN = (OSError, EOFError, KeyError, ValueError, AssertionError)  # what main leaves to us
MOMENT = 2  # seconds in which a repeated signal is the same one
SLOWEST_START = 1200  # tenths of a second; a loaded machine outlasts Sanic's own thirty seconds


def attach(app: Sanic[Any, Any]) -> None:
    """Watch over the workers of `app`; without a manager (one process, tests) nothing happens.

    To be called before any other `main_process_start` listener is added.
    """
    WorkerManager.THRESHOLD = SLOWEST_START  # a worker that dies meanwhile is our business
    app.main_process_start(_prepare)
    app.main_process_ready(_watch)
    app.before_server_start(follow_main)
    app.after_server_start(beat)


def shield() -> None:
    """To be called right before Sanic serves: the process that it starts to keep its shared state
    inherits the blocked signal, so that a SIGTERM to the whole group does not end it first. One
    that comes meanwhile waits for `_prepare`.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop_early)
    resource_tracker.ensure_running()  # starting it later would lift the block again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _stop_early(number: int, _frame: object) -> None:
    """Until Sanic's manager takes the signals, a plain death would leave its helpers behind."""
    for child in active_children():
        child.kill()
    sys.exit(128 + number)


async def _prepare(app: Sanic[Any, Any]) -> None:
    """Share a counter of beats and some numbers per worker; slot 0 of the beats names the process
    with Sanic's shared state."""
    app.shared_ctx.beats = RawArray("Q", SLOTS)
    app.shared_ctx.vitals = RawArray("d", SLOTS * VITALS)
    app.shared_ctx.beats[0] = next((child.pid or 0 for child in active_children()), 0)
    unshield()


async def _watch(app: Sanic[Any, Any]) -> None:
    warden = Supervisor(app.manager, app.shared_ctx.beats, app.config.GRACEFUL_SHUTDOWN_TIMEOUT)
    manager: Any = app.manager
    manager.monitor_subscriber = Unhurried(manager.monitor_subscriber, warden)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, warden.hear)
    threading.Thread(target=warden.run, name="warden", daemon=True).start()


@dataclass(slots=True)
class Watched:
    """What was last seen of a worker; time is counted in looks, so a nap of the machine is none."""

    pid: int | None = None
    beats: int = 0
    still: int = 0
    failures: int = 0
    due: int | None = None


@dataclass
class Supervisor:
    """Looks at every worker four times a second, from a thread of the main process."""

    manager: WorkerManager
    beats: Any
    grace: float
    seen: dict[str, Watched] = field(default_factory=dict)
    is_up: bool = False
    is_hopeless: bool = False
    is_over: bool = False
    told: deque[tuple[int, float]] = field(default_factory=deque)
    stopped_at: float | None = None

    def hear(self, number: int, _frame: object) -> None:
        """Only notes the signal. It may come in the middle of a word between main and Sanic's
        shared state, and whoever then talks there too reads half of somebody else's answer.
        """
        self.told.append((number, time.monotonic()))

    def run(self) -> None:
        # Sanic announces its stop nowhere else; its own loops read this flag too.
        while not self.manager._shutting_down and not self.is_hopeless:
            time.sleep(TICK)
            with suppress(*GOING_DOWN):
                self.obey()
                self.look_round()
        began = time.monotonic()
        while True:
            with suppress(*GOING_DOWN):
                self.obey()
                self.see_out(time.monotonic() - began)
            time.sleep(TICK)

    def obey(self) -> None:
        """A second signal kills everything; but one stop is often told twice, by our group too."""
        while self.told:
            number, when = self.told.popleft()
            if self.stopped_at is None or when - self.stopped_at > MOMENT:
                self.stopped_at = self.stopped_at or when
                self.manager.shutdown_signal(number, None)

    def look_round(self) -> None:
        self.is_up = self.is_up or self.manager._all_workers_ack()
        for process in self.servers():
            if not (self.manager._shutting_down or self.is_hopeless):
                self.look_at(process, self.seen.setdefault(process.name, Watched()))

    def servers(self) -> list[WorkerProcess]:
        workers = list(self.manager.transient.values())
        return [process for worker in workers for process in list(worker.processes)]

    def look_at(self, process: WorkerProcess, seen: Watched) -> None:
        if not process.pid or process.state is ProcessState.RESTARTING:
            return
        slot = slot_of(process.name)
        if process.pid != seen.pid:  # it has just come, whoever asked for it
            seen.pid, seen.beats, seen.still, seen.due = process.pid, 0, 0, None
            self.beats[slot] = 0
        if not process.is_alive():
            self.replace(process, seen)
        elif self.beats[slot] != seen.beats:
            seen.beats, seen.still, seen.failures = self.beats[slot], 0, 0
        else:
            self.lose_patience(process, seen)

    def lose_patience(self, process: WorkerProcess, seen: Watched) -> None:
        """The first start is Sanic's own to judge; later a worker that stands still is killed."""
        seen.still += self.is_up
        if seen.still > (HUNG if seen.beats else LATE):
            log.error("Worker %s [%s] does not respond; killing it.", process.name, process.pid)
            _signal_all([process], signal.SIGKILL)

    def replace(self, process: WorkerProcess, seen: Watched) -> None:
        """At once; after a pause that doubles where it keeps dying before it serves."""
        if seen.due is None:
            seen.failures += not seen.beats
            seen.due = min(2 * 2**seen.failures, LONGEST_PAUSE) if seen.failures else 0
            log.error(
                "Worker %s [%s] died (exit code %s); replacing it.",
                process.name,
                process.pid,
                process.exitcode,
            )
        if seen.due:
            seen.due -= 1
        elif not self.is_up and seen.failures > TRIES:
            self.give_up()
        elif self.ask_for(process.name):
            seen.due = PATIENCE

    def ask_for(self, name: str) -> bool:
        """Leave it to main's own loop, which reads this pipe, so that nothing happens twice.

        While main still waits for the first start it would only put the message back, for ever;
        but then it does nothing else either, and the replacing is safe here.
        """
        if self.is_up:
            self.manager.monitor_publisher.send(f"{name}:")
        elif all(process.state >= ProcessState.STARTED for process in self.servers()):
            self.manager.restart([name])
        else:
            return False
        return True

    def give_up(self) -> None:
        """A blog that cannot start says so, instead of trying until Sanic's time is over."""
        log.error(
            "A worker died %s times before it could serve; see the lines above for the reason.",
            TRIES + 1,
        )
        self.is_hopeless = True

    def see_out(self, seconds: float) -> None:
        """A stop has an end: what came too late to hear of it is told, what hangs is killed."""
        servers = self.servers()
        alive = [process for process in servers if process.is_alive()]
        _signal_all([process for process in alive if self.has_not_heard(process)], signal.SIGTERM)
        _signal_all(
            [process for process in alive if seconds > self.respite(process)], signal.SIGKILL
        )
        if not (alive or self.is_up or self.is_over) and all(process.pid for process in servers):
            self.end_first_start(servers)
            self.is_over = True  # again, and main would wait for the same workers again

    def has_not_heard(self, process: WorkerProcess) -> bool:
        """It came after the stop; or Python lost the signal, as it may while it imports."""
        serves = 0 < self.beats[slot_of(process.name)] < LEAVING
        return serves or process.state is not ProcessState.TERMINATED

    def respite(self, process: WorkerProcess) -> float:
        """Seconds to finish what it has in hand: nothing, if it never served."""
        has_served = self.beats[slot_of(process.name)] and not self.is_hopeless
        return self.grace + EXTRA if has_served else EXTRA * (not self.is_hopeless)

    def end_first_start(self, servers: list[WorkerProcess]) -> None:
        """Main waits for workers that will not come, for ever if it was stopped meanwhile. It goes
        on to its own end where they seem to have come; told that one failed, it exits with 1.
        """
        state = ProcessState.FAILED if self.is_hopeless else ProcessState.ACKED
        for process in servers:
            process.set_state(state, True)
        if self.is_hopeless:
            self.manager.monitor_publisher.send("__TERMINATE_EARLY__")


@dataclass
class Unhurried:
    """The pipe on which main waits for orders. Between two of them it would ask about each worker
    ten times a second, a twentieth of a processor in a blog at rest; the warden looks anyway."""

    pipe: Any
    warden: Supervisor

    def poll(self, seconds: float) -> bool:
        return bool(self.pipe.poll(REST if self.warden.is_up else seconds))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pipe, name)


def _signal_all(processes: list[WorkerProcess], number: signal.Signals) -> None:
    for process in processes:
        if process.pid:  # 0 would be every process of the group
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
