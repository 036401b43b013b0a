"""Fixtures and options for all tests: configuration, databases, servers, a browser."""

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from importlib.resources import files
from pathlib import Path

import hypothesis
import pytest

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from tests.support import backup_blog, cast, live_server
from tests.support.app_client import (  # noqa: F401 -- fixtures
    client,
    empty_client,
    furnished,
    mailing,
    open_client,
    served,
    small_blog,
    world,
)
from tests.support.dashboard_client import (  # noqa: F401 -- fixtures
    ann,
    bob,
    eve,
    kim,
    looking_ann,
    looking_bob,
)
from tests.support.live_server import Site, free_port, program
from tests.support.nginx_server import Nginx
from tests.support.postgres import BINARIES, Postgres
from tests.support.real_blogs import ImportedBlogs, import_once
from tests.support.shared_sql import share_sql

MISSING = "not installed on this machine: "

# --- packages that are not installed ---------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    help = "fail at the end if a system package is missing (`make test` uses this)"
    parser.addoption("--complete", action="store_true", help=help)
    # `make fuzz` asks for many more of each.
    help = "number of examples that Hypothesis tries in each test of a property"
    parser.addoption("--examples", type=int, default=25, help=help)
    help = "number of unusual requests to compare the fast path and Sanic with"
    parser.addoption("--fuzz", type=int, default=1000, help=help)
    help = "number of random changes to make while checking that no page is stale"
    parser.addoption("--changes", type=int, default=60, help=help)


def pytest_configure(config: pytest.Config) -> None:
    """Sets how many examples Hypothesis tries. It has no deadline: the machine may be busy."""
    examples = config.getoption("--examples")
    hypothesis.settings.register_profile("blog", deadline=None, max_examples=examples)
    hypothesis.settings.load_profile("blog")


def need(package: str, is_installed: object) -> None:
    """Skip the test if a Debian package is not installed."""
    if not is_installed:
        pytest.skip(MISSING + package)


def missing_packages(config: pytest.Config) -> dict[str, int]:
    """Return the number of skipped tests by the Debian package that they need."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    packages: dict[str, int] = {}
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if MISSING in reason:
            package = reason.partition(MISSING)[2]
            packages[package] = packages.get(package, 0) + 1
    return packages


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--complete") and missing_packages(session.config):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if packages := missing_packages(config):
        terminalreporter.section("did not run")
        for package, number in sorted(packages.items()):
            terminalreporter.line(f"{number} tests need Debian's package {package}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort parametrized tests, whose parameters may come from a set, for pytest-xdist."""
    runs = itertools.groupby(items, lambda item: (item.path, getattr(item, "originalname", "")))
    items[:] = [item for _, run in runs for item in sorted(run, key=lambda item: item.nodeid)]
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("fuzz")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect garbage rarely, and none of what is imported: it took a tenth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


# --- configurations and databases ------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The settings of a blog on SQLite, in an empty folder."""
    return Config(data_dir=tmp_path / "data", port=free_port())


@pytest.fixture
def environment(config: Config) -> dict[str, str]:
    """The environment of a process that uses `config`."""
    return live_server.environment(config)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a migrated, empty database, created once and copied for each test."""
    config = Config(data_dir=tmp_path_factory.mktemp("empty"))
    migrate(config)  # closing the last connection removes the write-ahead log
    return config.data_dir / "blog.sqlite3"


@pytest.fixture(scope="session")
def imported_blogs(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> ImportedBlogs:
    """The old blogs of BLOG_TEST_CONTENT on SQLite, imported once for all processes of this run."""
    return import_once(tmp_path_factory, empty_sqlite)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    need("postgresql", program("initdb", BINARIES))
    cluster = Postgres().start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def empty_postgres(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty database, created once and copied for each test."""
    name = postgres.create()
    migrate(Config(data_dir=tmp_path_factory.mktemp("pg"), database_url=postgres.url(name)))
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def migrated(request: pytest.FixtureRequest, config: Config) -> Iterator[Config]:
    """A configuration whose database is migrated and empty: SQLite's, then PostgreSQL's."""
    config.data_dir.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), config.data_dir)
        yield config
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = cluster.create(template=request.getfixturevalue("empty_postgres"))
    yield Config(data_dir=config.data_dir, port=config.port, database_url=cluster.url(name))
    cluster.drop(name)


@pytest.fixture
def database(migrated: Config) -> Iterator[Database]:
    database = share_sql(Database(migrated))
    yield database
    database.close()


@pytest.fixture
def sqlite_database(config: Config, empty_sqlite: Path) -> Iterator[Database]:
    """An empty SQLite database, for tests that need no second run on PostgreSQL."""
    config.data_dir.mkdir()
    shutil.copy(empty_sqlite, config.data_dir)
    database = share_sql(Database(config))
    yield database
    database.close()


@pytest.fixture
def config_of(migrated: Config) -> Callable[[Database], Config]:
    """The configuration that `database` was database with."""
    return lambda database: migrated


@pytest.fixture
def kept_blog(migrated: Config) -> Config:
    """The settings of a blog with posts, comments and pictures: on SQLite, then PostgreSQL."""
    backup_blog.furnish(migrated)
    return migrated


# --- real servers ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running blog with four workers and all example data, as `site.cast`.

    All tests share it, so a test that writes must create objects of its own.
    """
    port = free_port()
    config = Config(data_dir=tmp_path_factory.mktemp("site"), port=port)
    migrate(config)
    database = Database(config)
    people = cast.fill(database, f"http://127.0.0.1:{port}")
    with Site(config) as running:
        running.cast, running.database = people, database
        yield running
    database.close()


@pytest.fixture(scope="session")
def front(site: Site) -> Iterator[Nginx]:
    """The running blog behind a real nginx."""
    need("nginx", program("nginx"))
    with Nginx(site) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium, for one module only, since Playwright keeps an event loop running."""
    from playwright.sync_api import sync_playwright

    chromium = program("chromium") or program("chromium-browser") or program("google-chrome")
    need("chromium", chromium)
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=as_root)
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The axe script, which detects accessibility problems."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
