"""The metrics of a server with four workers: any of them reports the sums of all."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from tests.conftest import need
from tests.support import cast
from tests.support.live_server import (
    WORKERS,
    Metrics,
    Site,
    environment,
    free_port,
    program,
    wait_for,
)
from tests.support.nginx_server import Nginx
from tests.support.raw_connection import RawConnection, plain

pytestmark = pytest.mark.server

TOKEN = "a-token-of-some-length"
FORWARDED = {"X_Forwarded_For": "203.0.113.7"}
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
PATHS = ("/", "/archive", "/feed.atom", "/nothing-here")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog of this module alone, whose requests can be counted, with a token."""
    config = Config(data_dir=tmp_path_factory.mktemp("metrics") / "data", port=free_port())
    migrate(config)
    database = Database(config)
    cast.fill(database)
    database.close()
    with Site(config, env=environment(config, BLOG_METRICS_TOKEN=TOKEN)) as running:
        yield running


@pytest.fixture(scope="module")
def front(site: Site) -> Iterator[Nginx]:
    """This blog behind a real nginx."""
    need("nginx", program("nginx"))
    with Nginx(site) as running:
        yield running


def metrics(site: Site) -> Metrics:
    return Metrics(site.get("/health/metrics").text)


def public_requests(site: Site) -> float:
    return metrics(site).total("http_requests_total", area="home")


@contextlib.contextmanager
def connections(site: Site) -> Iterator[list[RawConnection]]:
    """Open a persistent connection to each worker."""
    with contextlib.ExitStack() as stack:
        by_worker: dict[str, RawConnection] = {}
        for _ in range(400):
            connection = stack.enter_context(RawConnection(site.port))
            by_worker.setdefault(connection.ask(plain("/health/live")).text, connection)
            if len(by_worker) == WORKERS:
                break
        assert len(by_worker) == WORKERS
        yield list(by_worker.values())


def read_pages(site: Site, rounds: int) -> int:
    """Request pages from every worker over persistent connections; returns how many."""
    with connections(site) as open_connections:
        for number in range(rounds):
            for connection in open_connections:
                connection.ask(plain(PATHS[number % len(PATHS)]))
    return rounds * WORKERS


def test_every_worker_reports_the_requests_of_all(site: Site) -> None:
    site.workers()
    before = public_requests(site)
    number = read_pages(site, rounds=100)
    wait_for(lambda: public_requests(site) == before + number)
    for _ in range(12):  # so that several workers answer
        found = metrics(site)
        assert found.total("http_requests_total", area="home") == before + number
        assert found.total("http_request_duration_seconds_count", area="home") == before + number
        assert found.total("blog_page_cache_hits_total") > 0


def test_a_killed_worker_loses_no_counts(site: Site) -> None:
    workers = site.workers()
    read_pages(site, rounds=10)
    before = metrics(site)
    os.kill(workers[min(workers)], signal.SIGKILL)
    wait_for(lambda: site.workers()[min(workers)] != workers[min(workers)])
    after = metrics(site)
    for family in ("http_requests", "http_request_duration_seconds"):
        for sample in before.families[family].samples:
            assert after.total(sample.name, **sample.labels) >= sample.value, sample
    number = read_pages(site, rounds=10)
    total = before.total("http_requests_total", area="home") + number
    wait_for(lambda: public_requests(site) == total)


def test_each_process_reports_its_memory_and_each_worker_its_lag(site: Site) -> None:
    workers = site.workers()
    wait_for(lambda: len(metrics(site).values("blog_loop_lag_p99_seconds")) == WORKERS)
    found = metrics(site)
    for worker in (*workers, "main"):
        (memory,) = found.values("process_resident_memory_bytes", worker=worker)
        assert memory > 10_000_000
        assert len(found.values("process_cpu_seconds_total", worker=worker)) == 1
    assert len(found.values("process_resident_memory_bytes")) == WORKERS + 1
    for worker in workers:
        assert found.values("blog_loop_lag_p99_seconds", worker=worker)[0] >= 0


def test_other_machines_need_the_token(site: Site) -> None:
    assert site.get("/health/metrics").status == 200
    assert site.get("/health/metrics", **FORWARDED).status == 401
    assert site.get("/health/metrics", **FORWARDED, **AUTHORIZED).status == 200
    assert site.get("/health/metrics", **FORWARDED, Authorization="Bearer x").status == 401
    assert TOKEN not in site.said


@pytest.mark.nginx
def test_whoever_comes_through_nginx_needs_the_token(front: Nginx) -> None:
    refused = front.get("/health/metrics")
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="metrics"'
    assert front.get("/health/metrics", Authorization="Bearer x").status == 401
    for forged in ("127.0.0.1", "::1", "localhost"):
        assert front.get("/health/metrics", X_Forwarded_For=forged).status == 401
    for _ in range(3):  # the answer for one client is never cached for another
        assert front.get("/health/metrics", **AUTHORIZED).status == 200
        assert front.get("/health/metrics").status == 401


@pytest.mark.nginx
def test_pages_that_nginx_serves_from_its_cache_are_not_counted(front: Nginx, site: Site) -> None:
    before = public_requests(site)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawConnection(front.port)) for _ in range(4)]
        for client in clients:
            client.ask(plain("/archive"))
        number = 200
        for _ in range(number):
            clients[0].ask(plain("/archive"))
    assert public_requests(site) - before < number


def test_a_server_for_ipv4_and_ipv6_recognizes_a_program_on_this_machine(
    config: Config,
) -> None:
    """Such a server sees the client 127.0.0.1 as ::ffff:127.0.0.1."""
    with Site(config, env=environment(config, BLOG_HOST="::", BLOG_METRICS_TOKEN=TOKEN)) as site:
        assert site.get("/health/metrics").status == 200
        assert site.get("/health/metrics", Host="[::ffff:127.0.0.1]").status == 200
        assert site.get("/health/metrics", **FORWARDED).status == 401
