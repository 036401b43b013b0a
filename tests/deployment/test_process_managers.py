"""Process managers that run the blog: Supervisor, honcho with the Procfile, a container."""

import json
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from blog.config import Config
from tests.support.live_server import ROOT, Site, ask, environment, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow]

PROGRAMS = Path(sys.executable).parent
BASE = "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={}/pid\n"


class ManagedSite(Site):
    """The blog under a process manager."""

    def __init__(self, config: Config, *command: str) -> None:
        path = f"{PROGRAMS}:{os.environ['PATH']}"
        super().__init__(config, env=environment(config, PATH=path))
        self.command = [str(PROGRAMS / command[0]), *command[1:]]

    def processes(self) -> dict[int, str]:
        """Return the commands of all processes with our port in their environment.

        Each has a session of its own.
        """
        found, mark = {}, f"BLOG_PORT={self.port}\0".encode()
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in place.joinpath("environ").read_bytes():
                    command = place.joinpath("cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(place.name)] = command.decode()
        return {pid: command for pid, command in found.items() if command}  # no zombies

    def pid_of(self, words: str) -> int:
        """Return the id of the process with these words in its command, or 0."""
        return max(
            (pid for pid, command in self.processes().items() if words in command), default=0
        )


def answers(site: Site) -> bool:
    try:
        return ask(site.port, "/health/ready").status == 200
    except OSError:
        return False


@pytest.fixture
def supervised(config, tmp_path):
    """The blog under Supervisor, with the lines of supervisor.conf marked "yours" changed."""
    text = ROOT.joinpath("deploy/supervisor.conf").read_text()
    text = re.sub(r"(?m)^(user|environment)=.*\n", "", text).replace("-w 4", "-w 2")
    text = text.replace("/opt/blog/.venv/bin", str(PROGRAMS)).replace("/opt/blog", str(ROOT))
    tmp_path.joinpath("supervisor.conf").write_text(BASE.format(tmp_path) + text)
    with ManagedSite(config, "supervisord", "-c", str(tmp_path / "supervisor.conf")) as site:
        yield site


def test_supervisor_restarts_killed_processes_and_stops_all(supervised):
    wait_for(lambda: supervised.pid_of("blog tick") and supervised.pid_of("sanic blog.app"))
    before = {words: supervised.pid_of(words) for words in ("sanic blog.app", "blog tick")}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(supervised.pid_of(words) not in (0, old) for words, old in before.items()))
    wait_for(lambda: answers(supervised), why=supervised.said)
    assert supervised.stop() == 0  # and no process is left


def test_honcho_runs_the_procfile_and_stops_all_processes(config):
    with ManagedSite(config, "honcho", "-f", str(ROOT / "Procfile"), "start") as site:
        workers = site.workers()
        os.kill(min(workers.values()), signal.SIGKILL)  # restarted by the blog itself
        wait_for(lambda: answers(site) and set(site.workers().values()) != set(workers.values()))
        assert site.stop() in (0, 143)  # and no process is left


def test_honcho_stops_everything_when_one_process_dies(config):
    """It restarts nothing. Its own caller must notice the exit and start it again."""
    with ManagedSite(config, "honcho", "-f", str(ROOT / "Procfile"), "start") as site:
        wait_for(lambda: "scheduled tasks are running" in site.said, why=site.said)
        os.kill(site.pid_of("blog tick"), signal.SIGKILL)
        assert site.process.wait(60) != 0
        site.wait_until_gone()


def test_the_container_copies_everything_the_blog_needs(config, tmp_path):
    recipe = ROOT.joinpath("deploy/Containerfile").read_text()
    place = tmp_path / "opt"
    place.mkdir()
    for source, target in re.findall(r"(?m)^COPY (\S+) (\S+)$", recipe):
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, place / target)
    command = json.loads(re.search(r"(?m)^CMD (.+)$", recipe)[1])
    assert command[:2] == ["sanic", "blog.app"]
    env = environment(config, PYTHONPATH=str(place), PYTHONDONTWRITEBYTECODE="1")
    with Site(config, "-w", "2", cwd=place, env=env) as site:
        assert site.get("/").status == 200
        assert site.stop() == 0
