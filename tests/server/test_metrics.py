"""The metrics of one worker: what they contain, and who may read them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from blog import __version__
from blog.backup import backup, storage
from blog.config import BadSetting, Config
from blog.models.base import now
from blog.models.jobs import outbox
from blog.models.jobs.outbox import Delivery
from tests.support.app_client import Answer, AppClient, Furnished
from tests.support.live_server import Metrics
from tests.support.raw_connection import RawConnection, plain

LOCAL = "127.0.0.1:8000"
TOKEN = "a-token-of-some-length"
POST = "/posts/a-marmalade-morning"
NO_TAGS = {"execution_options": {"tags": ()}}  # invalidates no cached page


def ask(client: AppClient, *headers: tuple[str, str], host: str = LOCAL) -> Answer:
    return client.get("/health/metrics", headers=headers, host=host)


def metrics(client: AppClient) -> Metrics:
    return Metrics(ask(client).text)


@pytest.fixture(scope="module")
def guarded(furnished: Furnished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """A blog with a token for its metrics."""
    config = Config(data_dir=tmp_path_factory.mktemp("guarded"), metrics_token=TOKEN)
    with AppClient(config, furnished) as running:
        yield running


# --- requests --------------------------------------------------------------------------------


def test_the_metrics_are_in_prometheus_text_format(open_client: AppClient) -> None:
    page = ask(open_client)
    assert page.status == 200
    assert page.header("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert page.header("cache-control") == "no-store"
    found = Metrics(page.text).families
    assert {name: found[name].type for name in found} == {
        "blog_build_info": "gauge",
        "http_requests": "counter",
        "http_request_duration_seconds": "histogram",
        "process_virtual_memory_bytes": "gauge",
        "process_resident_memory_bytes": "gauge",
        "process_start_time_seconds": "gauge",
        "process_cpu_seconds": "counter",
        "process_open_fds": "gauge",
        "process_max_fds": "gauge",
        "blog_loop_lag_p50_seconds": "gauge",
        "blog_loop_lag_p99_seconds": "gauge",
        "blog_loop_lag_worst_seconds": "gauge",
        "blog_page_cache_bytes": "gauge",
        "blog_page_cache_hits": "counter",
        "blog_page_cache_stores": "counter",
        "blog_database_up": "gauge",
        "blog_mail_outstanding": "gauge",
        "blog_mail_oldest_age_seconds": "gauge",
    }
    assert all(family.documentation for family in found.values())


def test_the_version_is_reported(open_client: AppClient) -> None:
    assert metrics(open_client).values("blog_build_info", version=__version__) == [1]


def increase(client: AppClient, name: str, **labels: str) -> Iterator[float]:
    """Yield how much a counter has grown since the last time."""
    while True:
        before = metrics(client).total(name, **labels)
        yield 0
        yield metrics(client).total(name, **labels) - before


REQUESTS = {
    "a page": (("GET", "/about", ""), ("home", "GET", "200")),
    "a missing page": (("GET", "/nothing-here", ""), ("home", "GET", "404")),
    "a head": (("HEAD", "/about", ""), ("home", "HEAD", "200")),
    "a redirect to sign in": (("GET", "/admin", ""), ("admin", "GET", "303")),
    "the dashboard": (("GET", "/control-panel", ""), ("control_panel", "GET", "303")),
    "a missing file": (("GET", "/static/nothing", ""), ("files", "GET", "404")),
    "liveness": (("GET", "/health/live", ""), ("health", "GET", "200")),
    "a wrong method": (("DELETE", "/about", ""), ("home", "other", "405")),
    "an invented method": (("BREW", "/about", ""), ("home", "other", "405")),
    "a forged form": (
        ("POST", "/sign-in", "Origin: https://elsewhere.example\r\nContent-Length: 0\r\n"),
        ("home", "POST", "403"),
    ),
    "an unreadable header": (("GET", "/about", "no colon\r\n"), ("home", "other", "400")),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_each_kind_of_request_is_counted_once(open_client: AppClient, case: str) -> None:
    (method, path, more), (area, label, status) = REQUESTS[case]
    growth = increase(open_client, "http_requests_total", area=area, method=label, status=status)
    next(growth)
    own = 1 if (area, label, status) == ("health", "GET", "200") else 0  # the first reading itself
    answer = open_client.say(
        f"{method} {path} HTTP/1.1\r\nHost: ink.example\r\nConnection: close\r\n{more}\r\n".encode()
    )
    assert str(answer.status) == status
    assert next(growth) == 1 + own


def test_bytes_that_are_no_request_are_counted(open_client: AppClient) -> None:
    growth = increase(open_client, "http_requests_total", status="400")
    next(growth)
    assert open_client.say(b"nonsense\r\n\r\n").status == 400
    assert next(growth) == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [True, False])
def test_cached_pages_are_counted_with_and_without_the_fast_path(
    furnished: Furnished, tmp_path_factory: pytest.TempPathFactory, is_on: bool
) -> None:
    config = Config(data_dir=tmp_path_factory.mktemp("counted"), lane=is_on)
    with AppClient(config, furnished) as client, RawConnection(client.port) as connection:
        for _ in range(20):
            etag = connection.ask(plain(POST)).headers["etag"]
        for _ in range(7):
            assert connection.ask(plain(POST, f"If-None-Match: {etag}")).status == 304
        found = metrics(client)
        assert found.values("http_requests_total", area="home", method="GET", status="200") == [20]
        assert found.values("http_requests_total", area="home", method="GET", status="304") == [7]
        assert found.total("http_request_duration_seconds_count", area="home") == 27
        assert found.total("blog_page_cache_hits_total") == 26


def test_the_histogram_is_cumulative_and_agrees_with_the_counters(open_client: AppClient) -> None:
    for path in ("/", "/about", "/search?q=marmalade", "/nothing-here"):
        open_client.get(path)
    found = metrics(open_client)
    (family,) = [found.families["http_request_duration_seconds"]]
    for area in ("home", "control_panel", "admin", "files", "health"):
        samples = [sample for sample in family.samples if sample.labels["area"] == area]
        buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
        bounds = [sample.labels["le"] for sample in samples if sample.name.endswith("_bucket")]
        assert buckets == sorted(buckets) and len(buckets) == 14
        assert bounds == sorted(bounds, key=float) and bounds[-1] == "+Inf"
        count = found.total("http_request_duration_seconds_count", area=area)
        assert buckets[-1] == count == found.total("http_requests_total", area=area)
        seconds = found.total("http_request_duration_seconds_sum", area=area)
        assert (seconds > 0) == (count > 0)


def test_memory_and_cpu_time_of_the_process_are_reported(open_client: AppClient) -> None:
    found = metrics(open_client)
    assert found.value("process_resident_memory_bytes") > 10_000_000
    assert found.value("process_cpu_seconds_total") > 0
    assert 0 < found.value("process_start_time_seconds") <= now().timestamp()


# --- mail, backups, the database -------------------------------------------------------------


def test_outstanding_mail_and_the_age_of_the_oldest_are_reported(client: AppClient) -> None:
    assert metrics(client).value("blog_mail_outstanding") == 0
    assert metrics(client).value("blog_mail_oldest_age_seconds") == 0
    facts = {"name": "Ann", "link": "/reset/x", "path": "/reset/x", "title": "x"}
    for number in range(3):
        client.database.transact_now(
            outbox.enqueue, "reset", f"{number}@ink.example", language="en", **facts
        )

    def change(session: object) -> None:
        old = update(Delivery).where(Delivery.to == "0@ink.example")
        session.execute(old.values(created_at=now() - timedelta(hours=2)), **NO_TAGS)
        sent = update(Delivery).where(Delivery.to == "1@ink.example")
        session.execute(sent.values(done_at=now()), **NO_TAGS)

    client.database.transact_now(change)
    found = metrics(client)
    assert found.value("blog_mail_outstanding") == 2
    assert 7200 <= found.value("blog_mail_oldest_age_seconds") < 7200 + 600


def test_the_age_of_the_last_backup_is_reported_once_there_is_one(
    furnished: Furnished, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = Config(data_dir=tmp_path_factory.mktemp("backed_up"))
    with AppClient(config, furnished) as client:
        assert metrics(client).values("blog_backup_age_seconds") == []
        backup.write(config, storage.new_path(config))
        assert 0 <= metrics(client).value("blog_backup_age_seconds") < 600
        storage.record_failure(config, "the disk is full")  # keeps the date of the last good one
        assert 0 <= metrics(client).value("blog_backup_age_seconds") < 600


def test_without_the_database_the_other_metrics_are_still_reported(client: AppClient) -> None:
    def break_it(session: object) -> None:
        session.execute(text("ALTER TABLE delivery RENAME TO away"))
        session.execute(text("ALTER TABLE site RENAME TO away_too"))

    client.database.transact_now(break_it)
    try:
        assert client.get("/").status >= 500
        found = metrics(client)
    finally:
        client.database.transact_now(
            lambda session: [
                session.execute(text("ALTER TABLE away RENAME TO delivery")),
                session.execute(text("ALTER TABLE away_too RENAME TO site")),
            ]
        )
    assert found.value("blog_database_up") == 0
    assert found.values("blog_mail_outstanding") == []
    assert found.total("http_requests_total") > 0
    assert metrics(client).value("blog_database_up") == 1


# --- who may read them -----------------------------------------------------------------------


def test_this_machine_needs_no_token(guarded: AppClient) -> None:
    for host in (LOCAL, "127.0.0.1", "localhost:8000", "[::1]:8000"):
        assert ask(guarded, host=host).status == 200


FORWARDED = [
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-For", "127.0.0.1"),  # nginx, or a visitor who forges it
    ("x-forwarded-host", "blog.example.org"),
    ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "203.0.113.7"),
    ("Forwarded", "for=127.0.0.1"),
    ("Via", "1.1 proxy"),
    ("CF-Connecting-IP", "203.0.113.7"),
]


@pytest.mark.parametrize("header", FORWARDED, ids="{0[0]} {0[1]}".format)
def test_a_request_that_a_proxy_passes_on_needs_the_token(
    guarded: AppClient, header: tuple[str, str]
) -> None:
    assert ask(guarded, header).status == 401
    assert ask(guarded, header, ("Authorization", f"Bearer {TOKEN}")).status == 200


def test_a_proxy_that_adds_no_header_does_not_open_the_metrics(guarded: AppClient) -> None:
    for host in ("blog.example.org", "127.0.0.1.example.org", ""):
        assert ask(guarded, host=host).status in (400, 401)


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer 令牌",
    ],
)
def test_a_wrong_token_is_refused(guarded: AppClient, credentials: str) -> None:
    reply = ask(guarded, FORWARDED[0], ("Authorization", credentials))
    assert reply.status == 401
    assert reply.header("www-authenticate") == 'Bearer realm="metrics", error="invalid_token"'
    assert reply.header("cache-control") == "no-store"


def test_a_missing_token_is_asked_for(guarded: AppClient) -> None:
    reply = ask(guarded, FORWARDED[0])
    assert (reply.status, reply.header("www-authenticate")) == (401, 'Bearer realm="metrics"')


@pytest.mark.parametrize("credentials", ["Bearer ", "Bearer", "Bearer x"])
def test_without_the_setting_no_token_is_accepted(open_client: AppClient, credentials: str) -> None:
    assert ask(open_client, FORWARDED[0], ("Authorization", credentials)).status == 401


def test_liveness_and_readiness_need_no_token(guarded: AppClient) -> None:
    for path in ("/health/live", "/health/ready"):
        assert guarded.get(path, headers=FORWARDED[:1]).status == 200


@pytest.mark.parametrize("token", ["short", "x" * 15, "sixteen letters and spaces", "令牌" * 10])
def test_a_token_that_is_short_or_unsendable_is_rejected_without_printing_it(token: str) -> None:
    with pytest.raises(BadSetting) as error:
        Config.from_env({"BLOG_METRICS_TOKEN": token})
    assert "BLOG_METRICS_TOKEN" in str(error.value) and token not in str(error.value)


def test_the_token_is_not_part_of_the_configuration_s_text() -> None:
    config = Config.from_env({"BLOG_METRICS_TOKEN": TOKEN})
    assert config.metrics_token == TOKEN and TOKEN not in repr(config)
