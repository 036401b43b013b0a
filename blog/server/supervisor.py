"""The main process's supervisor: replaces dead or hung workers, and ends every process on a stop.

It runs in a thread of Sanic's main process. The workers' side is `blog.server.heartbeat`. Times are
counted in checks of `TICK` seconds, so that the time a machine sleeps does not count.
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import active_children, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from typing import cast

from sanic.log import error_logger as log
from sanic.worker.constants import ProcessState
from sanic.worker.manager import WorkerManager
from sanic.worker.process import WorkerProcess

from blog.request_metrics import AS_FLOATS, SIZE
from blog.server import App
from blog.server.heartbeat import (
    EXTRA,
    SLOTS,
    STOPPING,
    VITALS,
    Beats,
    beat,
    follow_main,
    slot_of,
    unblock_sigterm,
)

TICK = 0.25  # seconds between two checks
REST = 2.0  # seconds between the main process's own checks once all workers have started
HUNG = 40  # checks without a beat (10 s) until a worker counts as hung
LATE = 120  # checks without a first beat (30 s) until a starting worker counts as hung
PATIENCE = 20  # checks until a replacement that has not appeared is requested again
TRIES = 2  # further tries for a worker that dies during the first start
LONGEST_PAUSE = 120  # checks between two tries for a worker that dies before it serves
# Errors of calls into Sanic's manager while the processes that it talks to are ending.
GOING_DOWN = (OSError, EOFError, KeyError, ValueError, AssertionError)
MOMENT = 2  # seconds in which a repeated signal counts as the same one
SLOWEST_START = 1200  # tenths of a second; under load Sanic's default of 30 seconds is too short


def attach(app: App) -> None:
    """Supervise the workers of `app`; does nothing without a manager (one process, tests).

    Call it before any other `main_process_start` listener is added.
    """
    WorkerManager.THRESHOLD = SLOWEST_START  # the supervisor handles workers that die meanwhile
    app.main_process_start(_prepare)
    app.main_process_ready(_watch)
    app.before_server_start(follow_main)
    app.after_server_start(beat)


def block_sigterm() -> None:
    """Block SIGTERM until `_prepare` runs; call it right before Sanic serves.

    The process that Sanic starts for its shared state inherits the blocked signal, so that one
    SIGTERM to the process group does not end it before the workers. One that comes now is delayed.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _exit_early)
    resource_tracker.ensure_running()  # starting it later would unblock the signal
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _exit_early(number: int, _frame: object) -> None:
    """Exit before Sanic's manager handles signals; the default would leave its helpers running."""
    for child in active_children():
        child.kill()
    sys.exit(128 + number)


async def _prepare(app: App) -> None:
    """Create the shared memory: beats, vitals and request counters of each worker, by its slot.

    Slot 0 of the beats holds the ID of the process with Sanic's shared state.
    """
    app.shared_ctx.beats = RawArray("Q", SLOTS)
    app.shared_ctx.vitals = RawArray("d", SLOTS * VITALS)
    app.shared_ctx.request_metrics = RawArray(AS_FLOATS, (app.state.workers + 1) * SIZE)
    app.shared_ctx.beats[0] = next((child.pid or 0 for child in active_children()), 0)
    unblock_sigterm()


async def _watch(app: App) -> None:
    manager: WorkerManager = app.manager
    supervisor = Supervisor(manager, app.shared_ctx.beats, app.config.GRACEFUL_SHUTDOWN_TIMEOUT)
    slow_pipe = SlowPipe(manager.monitor_subscriber, supervisor)
    manager.monitor_subscriber = cast(Connection, slow_pipe)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, supervisor.note_signal)
    threading.Thread(target=supervisor.run, name="supervisor", daemon=True).start()


@dataclass(slots=True)
class WorkerStatus:
    """What the supervisor knows of a worker from its last check."""

    pid: int | None = None
    beats: int = 0
    checks_without_beat: int = 0
    failures: int = 0  # deaths in a row before the first beat
    checks_to_replacement: int | None = None  # None while no replacement is pending


@dataclass
class Supervisor:
    """Checks every worker four times a second, in a thread of the main process."""

    manager: WorkerManager
    beats: Beats
    grace: float  # seconds of a graceful stop
    statuses: dict[str, WorkerStatus] = field(default_factory=dict)
    is_up: bool = False  # all workers have started once
    is_hopeless: bool = False  # a worker cannot start, and the server ends
    is_over: bool = False  # the first start was ended
    signals: deque[tuple[int, float]] = field(default_factory=deque)  # number, time
    stopped_at: float | None = None

    def note_signal(self, number: int, _frame: object) -> None:
        """Queue a signal for `run` (a signal handler).

        It may interrupt a message between the main process and Sanic's shared state. Using that
        connection again inside the handler would mix up the replies.
        """
        self.signals.append((number, time.monotonic()))

    def run(self) -> None:
        """Check the workers until the server stops, then make sure that it ends (a thread)."""
        # Sanic announces its stop only by this flag, which its own loops read too.
        while not self.manager._shutting_down and not self.is_hopeless:
            time.sleep(TICK)
            with suppress(*GOING_DOWN):
                self.handle_signals()
                self.check_workers()
        began = time.monotonic()
        while True:
            with suppress(*GOING_DOWN):
                self.handle_signals()
                self.enforce_stop(time.monotonic() - began)
            time.sleep(TICK)

    def handle_signals(self) -> None:
        """Pass queued signals on to Sanic, which kills everything at the second one.

        One stop often arrives as several signals; those within `MOMENT` seconds count as one.
        """
        while self.signals:
            number, received_at = self.signals.popleft()
            if self.stopped_at is None or received_at - self.stopped_at > MOMENT:
                self.stopped_at = self.stopped_at or received_at
                self.manager.shutdown_signal(number, None)

    def check_workers(self) -> None:
        """Check every worker once, unless the server is stopping."""
        self.is_up = self.is_up or self.manager._all_workers_ack()
        for process in self.servers():
            if not (self.manager._shutting_down or self.is_hopeless):
                self.check(process, self.statuses.setdefault(process.name, WorkerStatus()))

    def servers(self) -> list[WorkerProcess]:
        """Return the processes of all workers."""
        workers = list(self.manager.transient.values())
        return [process for worker in workers for process in list(worker.processes)]

    def check(self, process: WorkerProcess, status: WorkerStatus) -> None:
        """Replace a worker that has died, and kill one that is hung."""
        if not process.pid or process.state is ProcessState.RESTARTING:
            return
        slot = slot_of(process.name)
        if process.pid != status.pid:  # a new process, whoever started it
            status.pid, status.beats, status.checks_without_beat = process.pid, 0, 0
            status.checks_to_replacement = None
            self.beats[slot] = 0
        if not process.is_alive():
            self.replace(process, status)
        elif self.beats[slot] != status.beats:
            status.beats = self.beats[slot]
            status.checks_without_beat, status.failures = 0, 0
        else:
            self.kill_if_hung(process, status)

    def kill_if_hung(self, process: WorkerProcess, status: WorkerStatus) -> None:
        """Kill a worker that has not beaten for too long; Sanic itself judges the first start."""
        if self.is_up:
            status.checks_without_beat += 1
        if status.checks_without_beat > (HUNG if status.beats else LATE):
            log.error("Worker %s [%s] does not respond; killing it.", process.name, process.pid)
            _signal_all([process], signal.SIGKILL)

    def replace(self, process: WorkerProcess, status: WorkerStatus) -> None:
        """Replace a dead worker at once, or after a doubling pause if it died before it served."""
        if status.checks_to_replacement is None:
            if not status.beats:
                status.failures += 1
            pause = min(2 * 2**status.failures, LONGEST_PAUSE) if status.failures else 0
            status.checks_to_replacement = pause
            name, pid, code = process.name, process.pid, process.exitcode
            log.error("Worker %s [%s] died (exit code %s); replacing it.", name, pid, code)
        if status.checks_to_replacement:
            status.checks_to_replacement -= 1
        elif not self.is_up and status.failures > TRIES:
            self.give_up()
        elif self.request_replacement(process.name):
            status.checks_to_replacement = PATIENCE

    def request_replacement(self, name: str) -> bool:
        """Restart a worker; False if that is not possible yet.

        Sanic's main loop does it, so that it happens only once. During the first start that loop
        only waits and would put the message back endlessly, so it is safe to do it here.
        """
        if self.is_up:
            self.manager.monitor_publisher.send(f"{name}:")
        elif all(process.state >= ProcessState.STARTED for process in self.servers()):
            self.manager.restart([name])
        else:
            return False
        return True

    def give_up(self) -> None:
        """End the server because a worker cannot start, without waiting for Sanic's timeout."""
        reason = "A worker died %s times before it could serve; see the lines above for the reason."
        log.error(reason, TRIES + 1)
        self.is_hopeless = True

    def enforce_stop(self, seconds: float) -> None:
        """Repeat the stop signal where it was missed, and kill workers that take too long.

        `seconds` is the time since the stop began.
        """
        servers = self.servers()
        alive = [process for process in servers if process.is_alive()]
        _signal_all([process for process in alive if self.missed_stop(process)], signal.SIGTERM)
        late = [process for process in alive if seconds > self.time_to_stop(process)]
        _signal_all(late, signal.SIGKILL)
        is_ended = not (alive or self.is_up or self.is_over)
        if is_ended and all(process.pid for process in servers):
            self.end_first_start(servers)
            self.is_over = True  # only once, or the main process waits for the same workers again

    def missed_stop(self, process: WorkerProcess) -> bool:
        """True if a worker started after the stop signal, or Python lost it during imports."""
        serves = 0 < self.beats[slot_of(process.name)] < STOPPING
        return serves or process.state is not ProcessState.TERMINATED

    def time_to_stop(self, process: WorkerProcess) -> float:
        """Return the seconds that a worker has: fewer if it never served, 0 after giving up."""
        if self.is_hopeless:
            return 0
        return self.grace + EXTRA if self.beats[slot_of(process.name)] else EXTRA

    def end_first_start(self, servers: list[WorkerProcess]) -> None:
        """End Sanic's wait for workers that will not start.

        Without this the main process would wait forever after a stop. If the workers are marked as
        started, it goes on to its regular end; if they are marked as failed, it exits with code 1.
        """
        state = ProcessState.FAILED if self.is_hopeless else ProcessState.ACKED
        for process in servers:
            process.set_state(state, True)
        if self.is_hopeless:
            self.manager.monitor_publisher.send("__TERMINATE_EARLY__")


@dataclass
class SlowPipe:
    """The pipe on which Sanic's main loop waits for orders, with a longer wait.

    Sanic checks every worker between two waits, ten times a second, although the supervisor does so
    too. In an idle blog that would take a twentieth of a processor.
    """

    pipe: Connection
    supervisor: Supervisor

    def poll(self, seconds: float) -> bool:
        """Wait for an order; `REST` instead of `seconds` once all workers have started."""
        return bool(self.pipe.poll(REST if self.supervisor.is_up else seconds))

    def __getattr__(self, name: str) -> object:
        return getattr(self.pipe, name)


def _signal_all(processes: list[WorkerProcess], number: signal.Signals) -> None:
    for process in processes:
        if process.pid:  # 0 would signal the whole process group
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
