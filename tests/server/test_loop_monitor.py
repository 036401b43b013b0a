"""The pulse of the event loop: told while all is well, and with a name when something holds it."""

import asyncio
import logging
import re
import time

import pytest

from blog.config import Config
from blog.server.loop_monitor import BEAT, LATE, Lag, LoopMonitor
from tests.support.app_client import AppClient
from tests.support.live_server import WORKERS, Site

NUMBER = re.compile(r'^(\w+)\{worker="([^"]+)",pid="\d+"\} (\S+)$', re.MULTILINE)


async def beating(seconds: float) -> LoopMonitor:
    pulse = LoopMonitor()
    pulse.start()
    await asyncio.sleep(seconds)
    return pulse


def hold_up_everybody(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_whatever_holds_the_loop_is_named_with_its_stack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pulse = await beating(2 * BEAT)
    with caplog.at_level(logging.WARNING, "blog.server.loop_monitor"):
        hold_up_everybody(20 * LATE)  # long enough for the watcher of a busy machine
        await asyncio.sleep(4 * BEAT)
    pulse.stop()
    assert "The event loop was blocked for" in caplog.text
    assert "hold_up_everybody" in caplog.text
    assert pulse.lag().worst > 3 * LATE


async def test_what_is_told_is_never_without_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    pulse = await beating(2 * BEAT)
    with caplog.at_level(logging.WARNING, "blog.server.loop_monitor"):
        for _ in range(10):
            hold_up_everybody(BEAT + 1.1 * LATE)  # hardly longer than what is told
            await asyncio.sleep(2 * BEAT)
    pulse.stop()
    reasons = [told.partition(" ms\n")[2].strip() for told in caplog.messages]
    assert len(reasons) >= 10
    assert all(reasons)


async def test_who_waits_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    pulse = await beating(6 * BEAT)
    pulse.stop()
    lag = pulse.lag()
    assert 0 <= lag.p50 <= lag.p99 <= lag.worst
    assert "hold_up_everybody" not in caplog.text


def test_a_pulse_that_has_not_beaten_yet_tells_nothing() -> None:
    assert LoopMonitor().lag() == Lag()


def test_the_numbers_of_a_worker_can_be_read(open_client: AppClient) -> None:
    told = open_client.get("/health/metrics")
    assert told.header("content-type").startswith("text/plain; version=0.0.4")
    found = NUMBER.findall(told.text)
    numbers = {name: float(number) for name, worker, number in found}
    assert {worker for _, worker, _ in found} == {"alone"}
    assert set(numbers) == {
        "blog_loop_lag_p50_seconds",
        "blog_loop_lag_p99_seconds",
        "blog_loop_lag_worst_seconds",
        "blog_pages_kept_bytes",
        "blog_pages_given_out_total",
        "blog_pages_made_total",
    }
    assert numbers["blog_loop_lag_worst_seconds"] >= numbers["blog_loop_lag_p50_seconds"]


@pytest.mark.server
def test_every_worker_tells_the_numbers_of_all(config: Config) -> None:
    with Site(config) as site:
        workers = site.workers()
        for _ in range(8):  # whichever of them answers
            found = NUMBER.findall(site.get("/health/metrics").text)
            late = {worker: float(n) for name, worker, n in found if "p99" in name}
            assert late.keys() == workers.keys() and len(late) == WORKERS
            assert all(number >= 0 for number in late.values())


@pytest.mark.server
def test_what_a_worker_does_before_it_serves_holds_up_nobody(config: Config) -> None:
    with Site(config) as site:
        site.workers()  # one that is stopped while it starts tells where
        for _ in range(50):
            assert site.get("/").status == 200
    assert '"init", "before"' not in site.said  # where Sanic calls what is done before
    assert "Worker ready" in site.said
