"""How long readers wait while a flood of comments arrives, and how long they wait without one.

    python -m bench.flood --posts 2000 --workers 4

Each comment comes from an address of its own, in words of its own, and presses twice. Readers ask
for the very page that is commented on.
"""

import argparse
import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from tests.support import cast
from tests.support.comment_flood import Flood, flood, quiet
from tests.support.live_server import Site, environment, free_port


def main() -> int:
    given = arguments()
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder) / "data", port=free_port(), proxies=1)
        migrate(config)
        database = Database(config)
        post = cast.fill(database, f"http://127.0.0.1:{config.port}").posts["ann_live"]
        database.close()
        told = environment(config, BLOG_PROXIES="1")
        with Site(config, "-w", str(given.workers), env=told) as site:
            asyncio.run(compare(site, post, given.posts))
    return 0


async def compare(site: Site, post: cast.Planted, number: int) -> None:
    await quiet(site.url, post.path, asyncio.sleep(5))
    report("nobody comments", await quiet(site.url, post.path, asyncio.sleep(10)))
    with ProcessPoolExecutor(1) as others:  # who reads is not held up by who floods
        flooding = others.submit(send, site.url, post.id, post.path, number)
        report("meanwhile", await quiet(site.url, post.path, asyncio.wrap_future(flooding)))
        sent = flooding.result()
    print(f"previews {dict(sent.previews)}, second presses {dict(sent.sends)}")


def send(url: str, post_id: int, page: str, number: int) -> Flood:
    return asyncio.run(flood(url, post_id, page, number))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    return parser.parse_args()


def report(what: str, seen: Flood) -> None:
    half, most, all_ = (seen.share(of) for of in (0.5, 0.99, 1.0))
    print(f"{what}: {len(seen.waits)} readers in {seen.seconds:.0f} s, {len(seen.failed)} without")
    print(
        f"  their page; they waited {half:.1f} ms, 99 % at most {most:.1f}, the longest {all_:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
