"""The Sanic application: its creation, blueprints, middleware, start and stop."""

import blog.dependencies  # noqa: F401 -- must come first: reports missing packages

# isort: split
import asyncio
import logging
import sys
from functools import partial
from time import monotonic
from typing import Any

from sanic import Request
from sanic.compat import Header
from sanic.models.protocol_types import TransportProtocol
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
from blog.server import asgi, health, request_counting, startup, supervisor
from blog.server.log import install_key_filter
from blog.server.loop_monitor import LoopMonitor
from blog.web import auth, errors, static_files
from blog.web.collectstatic import collect
from blog.web.passwords import Passwords
from blog.web.templating import environment, preload

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


class BlogRequest(Request):
    """A request that exists even for a URL that cannot be parsed.

    For such a URL, Sanic creates a substitute request with the method NONE to show the error with.
    It has the same URL, so parsing would fail again and no response would be cached.
    """

    def __init__(
        self,
        url_bytes: bytes,
        headers: Header,
        version: str,
        method: str,
        transport: TransportProtocol,
        app: "Blog",
        head: bytes = b"",
        stream_id: int = 0,
    ):
        url_bytes = b"*" if method == "NONE" else url_bytes
        super().__init__(url_bytes, headers, version, method, transport, app, head, stream_id)

    async def receive_body(self) -> None:
        """Read the whole body. Under ASGI, this also accepts a body that was already read."""
        if not self.app.asgi:
            await super().receive_body()  # type: ignore[no-untyped-call]  # Sanic's
        elif not self.body:
            self.body = await asgi.read_body(self)


class Blog(asgi.AsgiAdapter):
    """A Sanic app that listens where the settings say and answers cached pages by the fast path."""

    @property
    def protocol(self) -> type[HttpProtocol]:
        """The class that handles each HTTP connection."""
        return fast_path.FastPath if self.ctx.config.lane else HttpProtocol

    async def handle_request(self, request: Request) -> None:
        """Send a cached page before Sanic routes the request and runs middleware."""
        request.ctx.received_at = monotonic()
        try:
            cached = fast_path.of_request(self.ctx.page_cache, request)
            if cached is None or request.stream is None:
                await super().handle_request(request)
            else:
                await request.stream.respond(EncodedResponse(request, cached)).send(end_stream=True)
        finally:
            request_counting.count(request)

    async def handle_exception(
        self, request: Request, exception: BaseException, run_middleware: bool = True
    ) -> None:
        """Send an error page. Sanic calls this alone for a request that it could not read."""
        try:
            await super().handle_exception(request, exception, run_middleware)
        finally:
            request_counting.count(request)

    def prepare(self, host: str | None = None, port: int | None = None, **settings: Any) -> None:
        """Set up the listener. Our settings replace the defaults of Sanic's command line."""
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
            existing = [str(folder) for folder in watched if folder.exists()]
            settings["reload_dir"] = [*(settings.get("reload_dir") or []), *existing]
        super().prepare(host, port, **settings)
        if settings.get("single_process"):  # then Sanic runs no main process listeners
            self.before_server_start(prepare_installation, priority=1)
            self.after_server_start(log_addresses)
        else:
            supervisor.block_sigterm()


def create_app(config: Config | None = None, name: str = "blog") -> Blog:
    """Create the application. It uses neither disk nor network until it is started."""
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
    install_key_filter()
    app.ctx.urls = {}
    app.ctx.guest_forms = {}
    app.ctx.templates = environment(config)
    extension = ExtensionConfig(oas=False, cors=False, http_auto_trace=False, health=False)
    Extend(app, config=extension).environment = app.ctx.templates
    web.attach(app)
    app.error_handler.add(Exception, errors.show_error)
    app.register_middleware(auth.identify, "request", priority=80)
    app.register_middleware(auth.check_access, "request", priority=70)
    for blueprint in (home.bp, control_panel.bp, admin.bp, static_files.bp, health.bp):
        app.blueprint(blueprint)
    app.register_middleware(nginx.cache_moved_or_gone, "response")  # type: ignore[arg-type]  # None is fine
    app.register_middleware(asgi.set_content_length, "response")  # type: ignore[arg-type]  # None is fine
    supervisor.attach(app)
    app.main_process_start(prepare_installation)
    app.main_process_ready(log_addresses)
    # Between these two, sanic-ext adds 100 routes. Each would rebuild a finalized signal router.
    app.before_server_start(_reset_signal_router, priority=PRIORITY + 1)
    app.before_server_start(_complete_routers, priority=PRIORITY - 1)
    health.attach(app)
    app.before_server_start(open_resources)
    app.before_server_start(tune_process, priority=PRIORITY - 2)
    app.after_server_start(start_scheduler)
    app.after_server_start(asgi.log_setup_link)
    app.before_server_stop(stop_scheduler)
    app.after_server_stop(close_resources)
    return app


async def _reset_signal_router(app: Blog) -> None:
    app.signal_router.reset()


async def _complete_routers(app: Blog) -> None:
    """Finalize the signal router, and give HEAD routes the `ctx` of their GET routes.

    sanic-ext has added the HEAD routes without it.
    """
    app.signalize(app.config.TOUCHUP)
    contexts = {route.path: route.ctx for route in app.router.routes if "GET" in route.methods}
    for route in app.router.routes:
        if "HEAD" in route.methods:
            route.ctx = contexts[route.path]


async def prepare_installation(app: Blog) -> None:
    """Compile the templates and prepare the data folder and database, or exit with an error."""
    try:
        preload(app.ctx.templates)
        startup.prepare(app.ctx.config)
    except (UserError, OSError) as error:
        sys.exit(startup.error_message(error))


async def log_addresses(app: Blog) -> None:
    """Log the address of the blog and, if it has no account yet, the set-up link."""
    logging.getLogger("sanic.root").info(startup.startup_message(app))


async def open_resources(app: Blog) -> None:
    """Create what each worker needs: database, caches, sandbox, passwords, handbook."""
    config = app.ctx.config
    app.ctx.secret = startup.secret(config)
    app.ctx.statics = collect(config)
    app.ctx.database = Database(config)
    app.ctx.invalidator = Invalidator(app.ctx.database, commit_watcher.watch(config))
    app.ctx.page_cache = PageCache(app.ctx.invalidator, config.pages_mb * 1_000_000)
    app.ctx.passwords = Passwords()
    app.ctx.sandbox = Sandbox(config)
    app.ctx.handbook = Handbook(config)
    app.ctx.loop_monitor = LoopMonitor()
    app.ctx.background_tasks = set()
    app.ctx.search_limiter = priority.WorkLimiter(config.data_dir, "search")
    app.ctx.bring_samples = partial(bring_samples, config)
    preload(app.ctx.templates)


async def tune_process(app: Blog) -> None:
    """Tune garbage collection and thread switching, as the last step before requests arrive."""
    if not app.test_mode:  # tests create many apps in one process
        priority.tune_process()


async def bring_samples(config: Config, author: str) -> bool:
    """Import the sample posts with the ordinary importer. Returns whether all were imported."""
    from blog import importer  # yaml and docutils are heavy, and only the set-up page needs them

    report = await importer.import_folder(
        config, config.sample_posts, importer.ImportOptions(author=author)
    )
    return report.exit_code == 0


async def start_scheduler(app: Blog) -> None:
    """Start the scheduler, except in tests. Every worker has one; a lease lets a single one run."""
    app.ctx.loop_monitor.start()  # from here on, requests may be waiting
    app.ctx.scheduler = None
    if not app.test_mode:
        context = JobContext(app.ctx.config, app.ctx.database, app.ctx.secret)
        app.ctx.scheduler = Scheduler(context, TASKS)
        app.ctx.scheduler.start()


async def stop_scheduler(app: Blog) -> None:
    """Stop the scheduler before the server stops."""
    if scheduler := getattr(app.ctx, "scheduler", None):  # missing if the start was interrupted
        await scheduler.stop()


async def close_resources(app: Blog) -> None:
    """Wait for background work, then close everything that `open_resources` created."""
    app.ctx.loop_monitor.stop()
    await asyncio.gather(*app.ctx.background_tasks, return_exceptions=True)
    await app.ctx.sandbox.close()
    app.ctx.passwords.close()
    app.ctx.search_limiter.close()
    app.ctx.page_cache.close()
    app.ctx.invalidator.close()
    app.ctx.database.close()


try:
    app = create_app()
except BadSetting as error:
    sys.exit(startup.error_message(error))
