"""The real server with its workers: how it starts, what it survives, how it stops."""

import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from blog.config import Config
from tests.support.live_server import WORKERS, Site, ask, environment, free_port, wait_for
from tests.support.paths import TESTS

pytestmark = pytest.mark.server


@pytest.fixture
def running(config: Config):
    """A server that the test may damage or stop."""
    with Site(config) as site:
        yield site


@pytest.fixture(scope="module")
def survivor(tmp_path_factory):
    """One server for all tests that it must survive."""
    with Site(Config(data_dir=tmp_path_factory.mktemp("survivor"), port=free_port())) as site:
        yield site


def failed_start(site: Site, within: float = 15) -> list[str]:
    """Start a server that must exit with an error; returns the lines that it prints."""
    site.start()
    try:
        assert site.process.wait(within) != 0
    finally:
        site.kill()
    site.wait_until_gone()
    return [line for line in site.said.splitlines() if line.strip()]


# --- starting --------------------------------------------------------------------------------


def test_four_workers_answer_and_the_address_is_printed(survivor):
    assert len(survivor.workers()) == WORKERS
    assert survivor.url in survivor.said
    assert "/set-up?key=" in survivor.said


def test_in_an_ssh_session_the_command_for_a_tunnel_is_printed(config):
    env = environment(config, SSH_CONNECTION="192.0.2.1 50000 198.51.100.7 22")
    with Site(config, env=env) as site:
        assert f"ssh -L {site.port}:127.0.0.1:{site.port} " in site.said
        assert "198.51.100.7" in site.said


def test_two_servers_started_at_once_share_one_new_data_folder(config):
    other = Site(replace(config, port=free_port())).start()
    try:
        with Site(config) as site:
            other.wait_until_ready()
            pages = [ask(port, "/static/nothing").status for port in (site.port, other.port)]
            assert pages == [404, 404]
            files = [path.name for path in (config.data_dir / "static").iterdir()]
            assert files
            assert not [name for name in files if name.startswith(".")]
        assert other.stop() == 0
    finally:
        other.kill()


def test_the_error_for_a_taken_port_is_one_line_with_the_port_and_the_setting(config):
    with socket.create_server(("127.0.0.1", config.port)):
        lines = failed_start(Site(config))
    assert len(lines) == 1
    assert str(config.port) in lines[0]
    assert "BLOG_PORT" in lines[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BLOG_PORT", "eighty"),
        ("BLOG_PORT", "70000"),
        ("BLOG_DATABASE_URL", "mysql://localhost/blog"),
        ("BLOG_SITE_URL", "example.org/blog"),
        ("BLOG_MAX_UPLOAD_MB", "-1"),
        ("BLOG_ACCESS_LOG", "maybe"),
    ],
)
def test_the_error_for_an_invalid_setting_is_one_line_that_names_it(config, name, value):
    lines = failed_start(Site(config, env=environment(config, **{name: value})))
    assert len(lines) == 1
    assert name in lines[0]


def test_an_unreachable_database_is_reported_without_a_traceback(config):
    url = f"postgresql://blog@127.0.0.1:{free_port()}/blog"
    lines = failed_start(Site(config, env=environment(config, BLOG_DATABASE_URL=url)))
    assert "127.0.0.1" in lines[-1]
    assert len(lines) <= FEW


def test_an_unusable_data_folder_is_reported_without_a_traceback(config, tmp_path):
    tmp_path.joinpath("file").write_text("in the way")
    place = str(tmp_path / "file" / "data")
    lines = failed_start(Site(config, env=environment(config, BLOG_DATA_DIR=place)))
    assert f"BLOG_DATA_DIR={place}" in lines[-1]
    assert len(lines) <= FEW


# Enough lines for Sanic's banner and its message that the start failed. A traceback as Sanic prints
# it is longer, and does not contain the word "Traceback".
FEW = 12


HIDE = """
import sys
from importlib.machinery import PathFinder

class Absent(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == "{module}":
            return None
        return super().find_spec(name, path, target)

sys.meta_path = [Absent if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.mark.parametrize(("package", "module"), [("pydantic", "pydantic"), ("uvloop", "uvloop")])
def test_a_missing_dependency_is_reported_by_name(config, tmp_path, package, module):
    tmp_path.joinpath("sitecustomize.py").write_text(HIDE.format(module=module))
    env = environment(config, PYTHONPATH=str(tmp_path))
    lines = failed_start(Site(config, env=env))
    assert f"Not installed: {package}" in lines[-1]


# --- surviving -------------------------------------------------------------------------------


STARTING = re.compile(r"Starting worker \[(\d+)\]")


def test_a_killed_worker_is_replaced_and_the_others_keep_running(survivor):
    before = survivor.workers()
    victim = min(before)
    os.kill(before[victim], signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: survivor.workers()[victim] != before[victim], 15)
    print(f"replaced after {time.monotonic() - killed:.1f} s")
    others = {name: pid for name, pid in survivor.workers().items() if name != victim}
    assert others == {name: pid for name, pid in before.items() if name != victim}
    assert f"[{before[victim]}] died" in survivor.said


def test_all_workers_killed_at_once_come_back(survivor):
    before = set(survivor.workers().values())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not before & set(survivor.workers().values()), 20)


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(survivor):
    before = survivor.workers()
    victim = max(before)
    os.kill(before[victim], signal.SIGSTOP)
    wait_for(lambda: before[victim] not in survivor.processes(), 40)
    assert survivor.workers()[victim] != before[victim]
    assert "does not respond" in survivor.said


def test_a_worker_killed_while_it_starts_does_not_end_the_server(config):
    site = Site(config).start()
    try:
        wait_for(lambda: STARTING.search(site.said), why=site.said)
        os.kill(int(STARTING.search(site.said)[1]), signal.SIGKILL)
        site.wait_until_ready()
        assert len(site.workers()) == WORKERS
        assert site.stop() == 0
    finally:
        site.kill()


def test_workers_exit_when_the_main_process_is_killed(running):
    running.workers()
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    running.wait_until_gone(20)
    with socket.socket() as probe:  # the port is free again
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", running.port))


# --- stopping --------------------------------------------------------------------------------


@contextlib.contextmanager
def a_slow_request(site: Site):
    """Send a form except for its last byte, which `finish()` sends."""
    body = b"name=nobody&password=wrong"
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"Origin: {site.url}\r\nSec-Fetch-Site: same-origin\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), 20) as connection:
        connection.sendall(head.encode() + body[:-1])
        time.sleep(0.5)

        def finish() -> bytes:
            connection.sendall(body[-1:])
            return connection.recv(65536)

        yield finish


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["main process", "whole group"])
def test_a_stop_finishes_running_requests_and_leaves_no_process(running, kill):
    with a_slow_request(running) as finish:
        kill(running.process.pid, signal.SIGTERM)
        time.sleep(1)
        answer = finish()
    assert answer.startswith(b"HTTP/1.1 "), answer
    assert b" 50" not in answer.split(b"\r\n")[0]
    assert running.process.wait(30) == 0
    running.wait_until_gone()


def test_ctrl_c_in_the_terminal_stops_without_a_traceback(running):
    running.workers()
    os.killpg(running.process.pid, signal.SIGINT)
    assert running.process.wait(30) == 0
    running.wait_until_gone()
    assert "Traceback" not in running.said


@pytest.mark.parametrize("after", [0.2, 0.8, 1.5, 2.5])
def test_a_stop_during_the_start_leaves_no_process(config, after):
    site = Site(config).start()
    try:
        time.sleep(after)
        site.process.send_signal(signal.SIGTERM)
        site.process.wait(30)
        site.wait_until_gone()
    finally:
        site.kill()


SLOW_MESSAGES = """
import threading
import time
from multiprocessing import connection, parent_process

receive = connection.Connection._recv


def receive_slowly(self, size, *more):
    data = receive(self, size, *more)
    in_main = parent_process() is None and threading.current_thread() is threading.main_thread()
    if size == 4 and in_main:  # the length has arrived, the message has not
        time.sleep(0.1)
    return data


connection.Connection._recv = receive_slowly
"""


def test_a_stop_during_a_message_between_processes_is_clean(config, tmp_path):
    """Sanic's main process asks another process for the workers' state many times a second."""
    tmp_path.joinpath("sitecustomize.py").write_text(SLOW_MESSAGES)
    with Site(config, env=environment(config, PYTHONPATH=str(tmp_path))) as site:
        assert site.stop() == 0


# --- under load ------------------------------------------------------------------------------


@pytest.mark.slow
def test_only_requests_that_a_killed_worker_had_accepted_are_lost(survivor):
    """Without nginx: every request that starts after the death of a worker is answered."""
    before = survivor.workers()

    def read(number: int) -> int:
        with contextlib.suppress(OSError):
            return ask(survivor.port, "/health/live").status
        return 0

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(read, number) for number in range(300)]
        os.kill(before[min(before)], signal.SIGKILL)
        statuses = [future.result() for future in futures]
    assert set(statuses) <= {200, 0}
    assert statuses.count(0) <= 8
    assert read(0) == 200


def test_a_single_process_runs_without_the_supervisor(config):
    with Site(config, "--single-process") as site:
        assert site.get("/health/live").status == 200
        assert "/set-up?key=" in site.said
        assert len(site.processes()) == 1


def test_the_server_and_commands_refuse_an_old_sqlite(config, tmp_path):
    patch = "import pysqlite3.dbapi2 as sqlite\nsqlite.sqlite_version_info = (3, 40, 1)\n"
    tmp_path.joinpath("sitecustomize.py").write_text(patch + "sqlite.sqlite_version = '3.40.1'\n")
    env = environment(config, PYTHONPATH=str(tmp_path))
    assert "3.40.1" in failed_start(Site(config, env=env))[-1]
    for command in (["create-admin", "kim"], ["import", str(TESTS)]):
        done = subprocess.run(
            [sys.executable, "-m", "blog", *command],
            env=env,
            input="seven quiet herons\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "3.40.1" in done.stderr
