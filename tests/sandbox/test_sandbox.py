"""The sandbox process: its limits, its replacement after a crash, and its end."""

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
from blog.sandbox import MAX_WAITING, Sandbox, SandboxBusy, SandboxFailed
from tests.support.paths import ROOT

ENDLESS = "<div></x>" * 55_000  # half a minute of job for the sanitiser
LONG = "[" * 40_000  # about a second


@pytest.fixture
async def sandbox(tmp_path):
    async with Sandbox(Config(data_dir=tmp_path)) as sandbox:
        yield sandbox


def sandbox_processes() -> list[int]:
    """Return the process ids of all sandbox processes of this process."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"blog.sandbox" in proc_file(int(pid), "cmdline")]


def proc_file(pid: int, name: str) -> bytes:
    """Return the content of a file in the /proc folder of a process, empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


async def process_of(sandbox: Sandbox, after: int | None = None) -> int:
    """Wait for the process of `sandbox` and return its id. With `after`, wait for another one."""
    for _ in range(400):
        if sandbox.pid and sandbox.pid != after:
            return sandbox.pid
        await asyncio.sleep(0.02)
    raise AssertionError("no sandbox process was started")


def is_running(pid: int) -> bool:
    return bool(proc_file(pid, "cmdline"))


async def wait_for_end(pid: int) -> None:
    for _ in range(500):
        if not is_running(pid):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the sandbox process is still running")


async def test_a_text_is_rendered_as_without_a_sandbox(sandbox):
    source, links = "# 标题\n\n**重点。**后文 [a](/x) $x$", {"/x": "/y"}
    assert await sandbox.render(source, links) == render(source, links)
    assert await sandbox.render("<b>x</b>", trust="guest") == render("<b>x</b>", trust="guest")
    sizes = {"/media/a.png": (1000, 10)}
    assert await sandbox.render("![](/media/a.png)", sizes=sizes) == render(
        "![](/media/a.png)", sizes=sizes
    )


async def test_the_process_is_started_by_the_first_job(sandbox):
    assert not sandbox_processes()
    await sandbox.render("a")
    await sandbox.render("b")
    assert len(sandbox_processes()) == 1


async def test_the_process_has_low_priority_and_limited_memory(sandbox):
    await sandbox.render("a")
    pid = await process_of(sandbox)
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 10
    assert os.getsid(pid) == pid != os.getsid(0)
    if Path(f"/proc/{pid}/autogroup").exists():  # not in every kernel
        assert proc_file(pid, "autogroup").endswith(b"nice 10\n")
    limit = next(
        line for line in proc_file(pid, "limits").decode().splitlines() if "address" in line
    )
    assert limit.split()[3] == str(1 << 30)


async def test_a_text_over_a_limit_is_refused_with_a_message(sandbox):
    with pytest.raises(TooMuch, match="more than 1000 headings") as caught:
        await sandbox.render("# a\n\n" * 1001)
    assert caught.value.params == {"limit": 1000}


@pytest.mark.slow
async def test_a_text_that_takes_too_long_is_refused_and_the_next_one_is_rendered(sandbox):
    await sandbox.render("a")
    before = sandbox_processes()
    with pytest.raises(TooMuch, match="took too long"):
        await sandbox.render(ENDLESS)
    assert (await sandbox.render("b")).text == "b"
    assert sandbox_processes() != before
    assert len(sandbox_processes()) == 1


@pytest.mark.slow
async def test_a_process_that_dies_during_a_job_is_replaced_and_the_job_is_done(sandbox):
    await sandbox.render("a")
    pid = await process_of(sandbox)
    job = asyncio.create_task(sandbox.render(LONG))
    await asyncio.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    assert (await job).text == LONG
    assert pid not in sandbox_processes()


@pytest.mark.slow
async def test_a_job_that_kills_two_processes_is_refused(sandbox, caplog):
    job = asyncio.create_task(sandbox.render(ENDLESS))
    pid = None
    for _ in range(2):
        pid = await process_of(sandbox, after=pid)
        await asyncio.sleep(0.5)
        os.kill(pid, signal.SIGKILL)
        await wait_for_end(pid)
    with pytest.raises(TooMuch, match="crashed"):
        await job
    assert caplog.text.count("ended during a job") == 2
    assert (await sandbox.render("b")).text == "b"


@pytest.mark.slow
async def test_an_idle_process_ends_by_itself(tmp_path, caplog):
    async with Sandbox(Config(data_dir=tmp_path), idle_seconds=0.2) as sandbox:
        await sandbox.render("a")
        await wait_for_end(await process_of(sandbox))
        assert (await sandbox.render("b")).text == "b"
    assert not caplog.text


async def test_simultaneous_jobs_are_done_one_by_one(sandbox):
    texts = await asyncio.gather(*(sandbox.render(f"text {i}") for i in range(MAX_WAITING)))
    assert [rendered.text for rendered in texts] == [f"text {i}" for i in range(MAX_WAITING)]
    assert len(sandbox_processes()) == 1


async def test_a_job_is_refused_at_once_when_too_many_are_waiting(sandbox):
    jobs = [asyncio.create_task(sandbox.render(f"{i}")) for i in range(MAX_WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(SandboxBusy):
        await sandbox.render("one too many")
    assert len(await asyncio.gather(*jobs)) == MAX_WAITING + 1


@pytest.mark.slow
async def test_a_cancelled_caller_does_not_affect_other_jobs(sandbox):
    await sandbox.render("a")
    pid = await process_of(sandbox)
    job = asyncio.create_task(sandbox.render(LONG))
    queued = asyncio.create_task(sandbox.render("never"))
    await asyncio.sleep(0.1)
    job.cancel()
    queued.cancel()
    assert (await sandbox.render("b")).text == "b"
    assert sandbox_processes() == [pid]


async def test_a_closed_sandbox_leaves_no_process_and_no_waiting_caller(tmp_path):
    sandbox = Sandbox(Config(data_dir=tmp_path))
    await sandbox.close()
    sandbox = Sandbox(Config(data_dir=tmp_path))
    jobs = [asyncio.create_task(sandbox.render(LONG)) for _ in range(3)]
    pid = await process_of(sandbox)
    await sandbox.close()
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(isinstance(answer, asyncio.CancelledError | SandboxBusy) for answer in answers)
    assert not is_running(pid)
    with pytest.raises(SandboxBusy):
        await sandbox.render("a")


@pytest.mark.slow
def test_a_sandbox_works_in_asyncio_and_uvloop(tmp_path):
    async def job() -> str:
        async with (
            Sandbox(Config(data_dir=tmp_path)) as one,
            Sandbox(Config(data_dir=tmp_path)) as two,
        ):
            texts = await asyncio.gather(one.render("one"), two.render("two"))
        return " ".join(rendered.text for rendered in texts)

    assert asyncio.run(job()) == "one two"
    assert uvloop.run(job()) == "one two"
    assert not sandbox_processes()


PARENT = """
import asyncio, sys
from pathlib import Path
from blog.config import Config
from blog.sandbox import Sandbox

async def main():
    sandbox = Sandbox(Config(data_dir=Path(sys.argv[1])))
    await sandbox.render("a")
    print(sandbox.pid, flush=True)
    await sandbox.render(sys.argv[2])

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [ENDLESS[:90_000], "a"])
def test_the_process_does_not_outlive_its_parent(tmp_path, text):
    """Killed with -9 in the middle of a job, or between two."""
    command = [sys.executable, "-c", PARENT, str(tmp_path), text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        parent.wait()
    for _ in range(500):
        if not is_running(pid):
            return
        time.sleep(0.02)
    raise AssertionError("the sandbox process is still running")


async def test_an_error_in_the_process_is_not_lost(sandbox, capfd):
    """A bug in a job appears in the log of the server, and raises an error for the caller."""
    with pytest.raises(SandboxFailed, match="KeyError"):
        await sandbox._enqueue("render", {"source": "x"})
    assert "KeyError" in capfd.readouterr().err
    assert (await sandbox.render("b")).text == "b"
