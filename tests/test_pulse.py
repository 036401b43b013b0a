"""The pulse of the event loop: told while all is well, and with a name when something holds it."""

import asyncio
import logging
import time

import pytest

from blog.pulse import BEAT, LATE, Lag, Pulse
from tests.door import Door


async def beating(seconds: float) -> Pulse:
    pulse = Pulse()
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
    with caplog.at_level(logging.WARNING, "blog.pulse"):
        hold_up_everybody(5 * LATE)
        await asyncio.sleep(4 * BEAT)
    pulse.stop()
    assert "the event loop was held for" in caplog.text
    assert "hold_up_everybody" in caplog.text
    assert pulse.lag().worst > 3 * LATE


async def test_who_waits_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    pulse = await beating(6 * BEAT)
    pulse.stop()
    lag = pulse.lag()
    assert 0 <= lag.p50 <= lag.p99 <= lag.worst
    assert "hold_up_everybody" not in caplog.text


def test_a_pulse_that_has_not_beaten_yet_tells_nothing() -> None:
    assert Pulse().lag() == Lag()


def test_the_numbers_of_a_worker_can_be_read(open_door: Door) -> None:
    lines = open_door.get("/health/metrics").text.splitlines()
    numbers = {line.split("{")[0]: float(line.split()[-1]) for line in lines}
    assert set(numbers) == {
        "blog_loop_lag_p50_seconds",
        "blog_loop_lag_p99_seconds",
        "blog_loop_lag_worst_seconds",
        "blog_pages_kept_bytes",
        "blog_pages_given_out_total",
        "blog_pages_made_total",
    }
    assert numbers["blog_loop_lag_worst_seconds"] >= numbers["blog_loop_lag_p50_seconds"]
