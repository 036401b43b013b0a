"""Measures how long readers wait during a flood of spam comments, and without one.

    python -m bench.flood --posts 2000 --workers 4

Each comment comes from a different IP address, has a different text, and is previewed and then
submitted. The readers request the page of the commented post.
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
    args = arguments()
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder) / "data", port=free_port(), proxies=1)
        migrate(config)
        database = Database(config)
        post = cast.fill(database, f"http://127.0.0.1:{config.port}").posts["ann_live"]
        database.close()
        env = environment(config, BLOG_PROXIES="1")
        with Site(config, "-w", str(args.workers), env=env) as site:
            asyncio.run(compare(site, post, args.posts))
    return 0


async def compare(site: Site, post: cast.Planted, number: int) -> None:
    """Measure readers for ten seconds alone, then while `number` comments are sent."""
    await quiet(site.url, post.path, asyncio.sleep(5))
    report("without comments", await quiet(site.url, post.path, asyncio.sleep(10)))
    # A separate process sends the comments, so that this does not delay the readers.
    with ProcessPoolExecutor(1) as executor:
        flooding = executor.submit(send, site.url, post.id, post.path, number)
        report("during the flood", await quiet(site.url, post.path, asyncio.wrap_future(flooding)))
        sent = flooding.result()
    print(f"previews {dict(sent.previews)}, submissions {dict(sent.sends)}")


def send(url: str, post_id: int, page: str, number: int) -> Flood:
    return asyncio.run(flood(url, post_id, page, number))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    return parser.parse_args()


def report(label: str, result: Flood) -> None:
    p50, p99, longest = (result.share(part) for part in (0.5, 0.99, 1.0))
    print(f"{label}: {len(result.waits)} requests in {result.seconds:.0f} s")
    print(f"  {len(result.failed)} requests failed")
    print(f"  waiting time: p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.1f} ms")


if __name__ == "__main__":
    sys.exit(main())
