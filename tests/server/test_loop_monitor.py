"""The loop monitor: it measures lag, and logs the stack of code that blocks the event loop."""

import asyncio
import logging
import time

import pytest

from blog.config import Config
from blog.server.loop_monitor import BEAT, LATE, Lag, LoopMonitor
from tests.support.live_server import Site


async def started_monitor(seconds: float) -> LoopMonitor:
    """Return a monitor that has run for so many seconds."""
    monitor = LoopMonitor()
    monitor.start()
    await asyncio.sleep(seconds)
    return monitor


def block_the_loop(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_code_that_blocks_the_loop_is_logged_with_its_stack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitor = await started_monitor(2 * BEAT)
    with caplog.at_level(logging.WARNING, "blog.server.loop_monitor"):
        block_the_loop(20 * LATE)  # long enough for the watching thread on a busy machine
        await asyncio.sleep(4 * BEAT)
    monitor.stop()
    assert "The event loop was blocked for" in caplog.text
    assert "block_the_loop" in caplog.text
    assert monitor.lag().worst > 3 * LATE


async def test_every_logged_delay_has_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    monitor = await started_monitor(2 * BEAT)
    with caplog.at_level(logging.WARNING, "blog.server.loop_monitor"):
        for _ in range(10):
            block_the_loop(BEAT + 1.1 * LATE)  # just above the limit for logging
            await asyncio.sleep(2 * BEAT)
    monitor.stop()
    reasons = [message.partition(" ms\n")[2].strip() for message in caplog.messages]
    assert len(reasons) >= 10
    assert all(reasons)


async def test_waiting_does_not_block_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    monitor = await started_monitor(6 * BEAT)
    monitor.stop()
    lag = monitor.lag()
    assert 0 <= lag.p50 <= lag.p99 <= lag.worst
    assert "block_the_loop" not in caplog.text


def test_a_monitor_that_was_not_started_reports_zeros() -> None:
    assert LoopMonitor().lag() == Lag()


@pytest.mark.server
def test_work_before_a_worker_serves_is_not_logged_as_blocking(config: Config) -> None:
    with Site(config) as site:
        site.workers()  # waits until all have started
        for _ in range(50):
            assert site.get("/").status == 200
    assert '"init", "before"' not in site.said  # in the stack of Sanic's start-up listeners
    assert "Worker ready" in site.said
