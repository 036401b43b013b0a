"""Heavy work happens in a child that is bounded, replaced when it dies, and never left over."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop

from blog.config import Config
from blog.markup import TooMuch, render
from blog.sandbox import MOST_WAITING, Sandbox, SandboxBusy, SandboxFailed
from tests.support.paths import ROOT

ENDLESS = "<div></x>" * 55_000  # half a minute of work for the sanitiser
LONG = "[" * 40_000  # about a second


@pytest.fixture
async def crew(tmp_path):
    async with Sandbox(Config(data_dir=tmp_path)) as crew:
        yield crew


def children() -> list[int]:
    """Those of this process that work for a crew."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in found if b"blog.sandbox" in said(int(pid), "cmdline")]


def said(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


async def child_of(crew: Sandbox, after: int | None = None) -> int:
    """The process that works for `crew`, once it is there: the one that comes `after` another."""
    for _ in range(400):
        if crew.pid and crew.pid != after:
            return crew.pid
        await asyncio.sleep(0.02)
    raise AssertionError("no child has come")


def is_there(pid: int) -> bool:
    return bool(said(pid, "cmdline"))


async def is_gone(pid: int) -> None:
    for _ in range(500):
        if not is_there(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the child is still there")


async def test_a_text_is_rendered_as_it_would_be_here(crew):
    source, links = "# 标题\n\n**重点。**后文 [a](/x) $x$", {"/x": "/y"}
    assert await crew.render(source, links) == render(source, links)
    assert await crew.render("<b>x</b>", trust="guest") == render("<b>x</b>", trust="guest")
    sizes = {"/media/a.png": (1000, 10)}
    assert await crew.render("![](/media/a.png)", sizes=sizes) == render(
        "![](/media/a.png)", sizes=sizes
    )


async def test_no_child_is_started_before_there_is_work(crew):
    assert not children()
    await crew.render("a")
    await crew.render("b")
    assert len(children()) == 1


async def test_the_child_is_last_in_line_and_bounded_in_memory(crew):
    await crew.render("a")
    pid = await child_of(crew)
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
    assert os.getsid(pid) == pid != os.getsid(0)
    if Path(f"/proc/{pid}/autogroup").exists():  # not in every kernel
        assert said(pid, "autogroup").endswith(b"nice 10\n")
    limit = next(line for line in said(pid, "limits").decode().splitlines() if "address" in line)
    assert limit.split()[3] == str(1 << 30)


async def test_a_text_over_the_bounds_is_refused_with_its_sentence(crew):
    with pytest.raises(TooMuch, match="more than 1000 headings") as caught:
        await crew.render("# a\n\n" * 1001)
    assert caught.value.params == {"limit": 1000}


@pytest.mark.slow
async def test_a_text_that_takes_too_long_is_given_up_and_the_next_one_is_served(crew):
    await crew.render("a")
    before = children()
    with pytest.raises(TooMuch, match="took too long"):
        await crew.render(ENDLESS)
    assert (await crew.render("b")).text == "b"
    assert children() != before
    assert len(children()) == 1


@pytest.mark.slow
async def test_a_child_that_dies_in_a_job_is_replaced_and_the_job_done(crew):
    await crew.render("a")
    pid = await child_of(crew)
    work = asyncio.create_task(crew.render(LONG))
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    assert (await work).text == LONG
    assert pid not in children()


@pytest.mark.slow
async def test_a_job_that_kills_two_children_is_refused(crew, caplog):
    work = asyncio.create_task(crew.render(ENDLESS))
    pid = None
    for _ in range(2):
        pid = await child_of(crew, after=pid)
        await asyncio.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
        await is_gone(pid)
    with pytest.raises(TooMuch, match="crashed"):
        await work
    assert caplog.text.count("ended during a job") == 2
    assert (await crew.render("b")).text == "b"


@pytest.mark.slow
async def test_a_child_that_nobody_needs_ends_by_itself(tmp_path, caplog):
    async with Sandbox(Config(data_dir=tmp_path), idle_seconds=0.2) as crew:
        await crew.render("a")
        await is_gone(await child_of(crew))
        assert (await crew.render("b")).text == "b"
    assert not caplog.text


async def test_those_who_ask_at_once_are_served_in_turn(crew):
    texts = await asyncio.gather(*(crew.render(f"text {i}") for i in range(MOST_WAITING)))
    assert [rendered.text for rendered in texts] == [f"text {i}" for i in range(MOST_WAITING)]
    assert len(children()) == 1


async def test_when_too_many_wait_the_next_is_told_so_at_once(crew):
    works = [asyncio.create_task(crew.render(f"{i}")) for i in range(MOST_WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(SandboxBusy):
        await crew.render("one too many")
    assert len(await asyncio.gather(*works)) == MOST_WAITING + 1


@pytest.mark.slow
async def test_a_caller_who_gives_up_disturbs_nobody(crew):
    await crew.render("a")
    pid = await child_of(crew)
    work = asyncio.create_task(crew.render(LONG))
    queued = asyncio.create_task(crew.render("never"))
    await asyncio.sleep(0.1)
    work.cancel()
    queued.cancel()
    assert (await crew.render("b")).text == "b"
    assert children() == [pid]


async def test_a_closed_crew_leaves_nobody_behind(tmp_path):
    crew = Sandbox(Config(data_dir=tmp_path))
    await crew.close()
    crew = Sandbox(Config(data_dir=tmp_path))
    works = [asyncio.create_task(crew.render(LONG)) for _ in range(3)]
    pid = await child_of(crew)
    await crew.close()
    answers = await asyncio.gather(*works, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError | SandboxBusy) for answer in answers)
    assert not is_there(pid)
    with pytest.raises(SandboxBusy):
        await crew.render("a")


@pytest.mark.slow
def test_it_works_in_any_loop(tmp_path):
    async def work() -> str:
        async with (
            Sandbox(Config(data_dir=tmp_path)) as one,
            Sandbox(Config(data_dir=tmp_path)) as two,
        ):
            texts = await asyncio.gather(one.render("one"), two.render("two"))
        return " ".join(rendered.text for rendered in texts)

    assert asyncio.run(work()) == "one two"
    assert uvloop.run(work()) == "one two"
    assert not children()


PARENT = """
import asyncio, sys
from pathlib import Path
from blog.config import Config
from blog.sandbox import Crew

async def main():
    crew = Crew(Config(data_dir=Path(sys.argv[1])))
    await crew.render("a")
    print(crew.pid, flush=True)
    await crew.render(sys.argv[2])

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [ENDLESS[:90_000], "a"])
def test_a_child_does_not_outlive_its_parent(tmp_path, text):
    """Killed with -9 in the middle of a job, or between two."""
    command = [sys.executable, "-c", PARENT, str(tmp_path), text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        pid = int(parent.stdout.readline())
        assert is_there(pid)
        parent.kill()
        parent.wait()
    for _ in range(500):
        if not is_there(pid):
            return
        time.sleep(0.02)
    raise AssertionError("the child is still there")


async def test_what_the_child_says_is_not_lost(crew, capfd):
    """A fault of ours is told twice: in the log of the server, and to whoever asked."""
    with pytest.raises(SandboxFailed, match="KeyError"):
        await crew._ask("render", {"source": "x"})
    assert "KeyError" in capfd.readouterr().err
    assert (await crew.render("b")).text == "b"
