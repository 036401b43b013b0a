"""The whole wiring on one page."""

import blog.dependencies  # noqa: F401 -- first: names what is not installed

# isort: split
import asyncio
import logging
import sys
from functools import partial
from typing import Any

from sanic import Request
from sanic.server.protocols.http_protocol import HttpProtocol
from sanic_ext import Config as ExtensionConfig
from sanic_ext import Extend
from sanic_ext.config import PRIORITY

from blog import admin, control_panel, home, priority, web
from blog.cache import fast_path, nginx
from blog.cache.encoded_response import EncodedResponse
from blog.cache.invalidator import Invalidator
from blog.cache.page_cache import PageCache
from blog.config import BadSetting, Config, UserError
from blog.db import Database, commit_watcher
from blog.handbook import Handbook
from blog.jobs.scheduler import JobContext, Scheduler
from blog.jobs.tasks import TASKS
from blog.sandbox import Sandbox
from blog.server import asgi, health, startup, supervisor
from blog.server.log import leave_out_keys
from blog.server.loop_monitor import LoopMonitor
from blog.web import auth, errors, static_files
from blog.web.collectstatic import collect
from blog.web.passwords import Passwords
from blog.web.templating import environment, warm

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


class BlogRequest(Request):
    """What was asked. For an address that cannot be parsed Sanic makes a stand-in to show the error
    with, of the same address; it would fail again, and nobody would be answered."""

    def __init__(
        self, url_bytes: bytes, headers: Any, version: str, method: str, *how: Any, **more: Any
    ):
        url_bytes = b"*" if method == "NONE" else url_bytes
        super().__init__(url_bytes, headers, version, method, *how, **more)

    async def receive_body(self) -> None:
        if not self.app.asgi:
            await super().receive_body()  # type: ignore[no-untyped-call]  # Sanic's
        elif not self.body:
            self.body = await asgi.whole_body(self)


class Blog(asgi.AsgiAdapter):
    """Sanic that listens where the settings say, and answers kept pages by the short way."""

    @property
    def protocol(self) -> type[HttpProtocol]:
        return fast_path.FastPath if self.ctx.config.lane else HttpProtocol

    async def handle_request(self, request: Request) -> None:
        """A kept page goes out before Sanic looks for a route and runs what stands around it."""
        sent = fast_path.of_request(self.ctx.pages, request)
        if sent is None:
            await super().handle_request(request)
        else:
            stream: Any = request.stream
            await stream.respond(EncodedResponse(request, sent)).send(end_stream=True)

    def prepare(self, host: str | None = None, port: int | None = None, **settings: Any) -> None:
        """Sanic's command line hands over its defaults; then our settings decide."""
        config: Config = self.ctx.config
        host = config.host if host in (None, DEFAULT_HOST) else host
        port = config.port if port in (None, DEFAULT_PORT) else port
        self.ctx.listens_on = (host, port)
        settings["backlog"] = max(settings.get("backlog", 0), 2048)
        if unix := settings.pop("unix", None):
            settings["sock"] = startup.unix_socket(unix, settings["backlog"])
        elif not settings.get("sock"):
            startup.refuse_taken_port(str(host), int(port or 0))
        settings["protocol"] = self.protocol
        if settings.get("auto_reload") or settings.get("dev"):
            watched = [*config.template_dirs, *config.static_dirs.values(), config.theme_dir]
            found = [str(folder) for folder in watched if folder.exists()]
            settings["reload_dir"] = [*(settings.get("reload_dir") or []), *found]
        super().prepare(host, port, **settings)
        if settings.get("single_process"):  # then Sanic has no main process to ask
            self.before_server_start(open_house, priority=1)
            self.after_server_start(say_where)
        else:
            supervisor.shield()


def create_app(config: Config | None = None, name: str = "blog") -> Blog:
    """The application. Touches neither disk nor network until it is started."""
    app = Blog(name, request_class=BlogRequest)
    app.ctx.config = config = config or Config.from_env()
    app.config.update(
        FALLBACK_ERROR_FORMAT="html",
        GRACEFUL_SHUTDOWN_TIMEOUT=15.0,
        REQUEST_MAX_SIZE=config.max_upload + 1_000_000,
        KEEP_ALIVE_TIMEOUT=75,
        ACCESS_LOG=config.access_log,
        MOTD=False,
    )
    leave_out_keys()
    app.ctx.urls = {}
    app.ctx.guest_forms = {}
    app.ctx.templates = environment(config)
    extension = ExtensionConfig(oas=False, cors=False, http_auto_trace=False, health=False)
    Extend(app, config=extension).environment = app.ctx.templates
    web.attach(app)
    app.error_handler.add(Exception, errors.show_error)
    app.register_middleware(auth.identify, "request", priority=80)
    app.register_middleware(auth.guard, "request", priority=70)
    for room in (home.bp, control_panel.bp, admin.bp, static_files.bp, health.bp):
        app.blueprint(room)
    app.register_middleware(nginx.let_go, "response")  # type: ignore[arg-type]  # None is fine
    app.register_middleware(asgi.tell_length, "response")  # type: ignore[arg-type]  # None is fine
    supervisor.attach(app)
    app.main_process_start(open_house)
    app.main_process_ready(say_where)
    # sanic-ext adds some hundred routes between these two, and each rebuilds a router that is shut.
    app.before_server_start(_open_signals, priority=PRIORITY + 1)
    app.before_server_start(_shut_signals, priority=PRIORITY - 1)
    health.attach(app)
    app.before_server_start(open_worker)
    app.before_server_start(settle, priority=PRIORITY - 2)
    app.after_server_start(start_clock)
    app.after_server_start(asgi.invite)
    app.before_server_stop(stop_clock)
    app.after_server_stop(close_worker)
    return app


async def _open_signals(app: Blog) -> None:
    app.signal_router.reset()


async def _shut_signals(app: Blog) -> None:
    app.signalize(app.config.TOUCHUP)


async def open_house(app: Blog) -> None:
    try:
        warm(app.ctx.templates)
        startup.prepare(app.ctx.config)
    except (UserError, OSError) as fault:
        sys.exit(startup.told(fault))


async def say_where(app: Blog) -> None:
    logging.getLogger("sanic.root").info(startup.greet(app))


async def open_worker(app: Blog) -> None:
    config = app.ctx.config
    app.ctx.secret = startup.secret(config.data_dir)
    app.ctx.statics = collect(config)
    app.ctx.database = Database(config)
    app.ctx.follower = Invalidator(app.ctx.database, commit_watcher.watch(config))
    app.ctx.pages = PageCache(app.ctx.follower, config.pages_mb * 1_000_000)
    app.ctx.passwords = Passwords()
    app.ctx.crew = Sandbox(config)
    app.ctx.handbook = Handbook(config)
    app.ctx.pulse = LoopMonitor()
    app.ctx.errands = set()
    app.ctx.searches = priority.Turns(config.data_dir, "search")
    app.ctx.bring_samples = partial(bring_samples, config)
    warm(app.ctx.templates)


async def settle(app: Blog) -> None:
    """The last thing before anybody is served."""
    if not app.test_mode:  # many of those live in one process, one after the other
        priority.settle()


async def bring_samples(config: Config, author: str) -> bool:
    """The sample posts come in by the door of every old blog; True if they all did."""
    from blog import importer  # yaml and docutils are heavy, and only a first visit needs them

    receipt = await importer.import_folder(
        config, config.sample_posts, importer.ImportOptions(author=author)
    )
    return receipt.exit_code == 0


async def start_clock(app: Blog) -> None:
    """Every process that serves tries for the clock, whoever started it; a test's own does not."""
    app.ctx.pulse.start()  # from here on somebody may wait for an answer
    app.ctx.clock = None
    if not app.test_mode:
        house = JobContext(app.ctx.config, app.ctx.database, app.ctx.secret)
        app.ctx.clock = Scheduler(house, TASKS)
        app.ctx.clock.start()


async def stop_clock(app: Blog) -> None:
    if clock := getattr(app.ctx, "clock", None):  # a start that was cut short has none
        await clock.stop()


async def close_worker(app: Blog) -> None:
    app.ctx.pulse.stop()
    await asyncio.gather(*app.ctx.errands, return_exceptions=True)
    await app.ctx.crew.close()
    app.ctx.passwords.close()
    app.ctx.searches.close()
    app.ctx.pages.close()
    app.ctx.follower.close()
    app.ctx.database.close()


try:
    app = create_app()
except BadSetting as fault:
    sys.exit(startup.told(fault))
