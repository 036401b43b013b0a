"""How much memory the whole blog takes: workers, clock, nginx, and the child that scales a picture.

    python -m bench.memory --workers 2      a blog of its own with a few posts, behind nginx

Counted is PSS, which shares a page among the processes that have it. Uploaded is a picture of
forty million pixels, the largest that is accepted.
"""

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from tests.support import cast
from tests.support.live_server import Site, ask, environment, free_port
from tests.support.nginx_server import Nginx

LIMIT = 512  # MiB
SIDES = (7300, 5470)  # 39.9 megapixels
HELPERS: list[int] = []
BOUNDARY = "a-boundary-that-no-picture-has"


def main() -> int:
    given = arguments()
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder) / "data", port=free_port())
        migrate(config)
        database = Database(config)
        people = cast.fill(database, f"http://127.0.0.1:{config.port}")
        try:
            with Site(config, "-w", str(given.workers)) as site, Nginx(site) as front, tick(config):
                return report(*measure(site, front, cast.sign_in(database, people.people["ann"])))
        finally:
            database.close()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


@contextmanager
def tick(config: Config) -> Iterator[None]:
    """The second service that `blog deploy` sets up."""
    command = [sys.executable, "-m", "blog", "tick"]
    with subprocess.Popen(command, env=environment(config), stderr=subprocess.DEVNULL) as clock:
        HELPERS.append(clock.pid)
        yield
        clock.terminate()


def measure(site: Site, front: Nginx, cookies: dict[str, str]) -> tuple[float, float, int]:
    """MiB at rest, MiB at the peak, and the status of the upload."""
    for _ in range(20):
        site.get("/")
    time.sleep(3)
    resting = everything(site, front)
    seen, done = [resting], threading.Event()
    watcher = threading.Thread(target=watch, args=(site, front, seen, done))
    watcher.start()
    status = upload(site, cookies)
    done.set()
    watcher.join()
    return resting, max(seen), status


def watch(site: Site, front: Nginx, seen: list[float], done: threading.Event) -> None:
    while not done.is_set():
        seen.append(everything(site, front))
        time.sleep(0.02)


def upload(site: Site, cookies: dict[str, str]) -> int:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="large.jpg"\r\n'
    )
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + large_picture()
    body += f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "Origin": site.url,
        "Accept": "application/json",
    }
    return ask(site.port, "/control-panel/pictures", "POST", body, **headers).status


def large_picture() -> bytes:
    """Noise, so that no part of it is small."""
    image = Image.effect_noise(SIDES, 60).convert("RGB")
    out = BytesIO()
    image.save(out, "JPEG", quality=60)
    return out.getvalue()


def everything(site: Site, front: Nginx) -> float:
    """MiB of PSS of all processes of the blog and of nginx."""
    pids = [*site.processes(), *family(front.process.pid), *HELPERS]
    return sum(map(proportional, pids)) / 1024


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from family(int(child))


def proportional(pid: int) -> int:
    """KiB; 0 for a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def report(resting: float, peak: float, status: int) -> int:
    print(f"at rest {resting:.0f} MiB, at the peak {peak:.0f} MiB, upload answered {status}")
    return int(peak > LIMIT or status >= 400)


if __name__ == "__main__":
    sys.exit(main())
