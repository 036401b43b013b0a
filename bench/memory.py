"""Measures the memory of the whole blog: workers, scheduler, nginx and image processing.

    python -m bench.memory --workers 2      a new blog with a few posts, behind nginx

Memory is counted as PSS, which divides shared memory among the processes that use it. At the peak,
a picture of 40 megapixels is uploaded, the largest that the blog accepts.
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
SCHEDULER_PIDS: list[int] = []
BOUNDARY = "a-boundary-that-no-picture-has"


def main() -> int:
    args = arguments()
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder) / "data", port=free_port())
        migrate(config)
        database = Database(config)
        people = cast.fill(database, f"http://127.0.0.1:{config.port}")
        try:
            with Site(config, "-w", str(args.workers)) as site, Nginx(site) as front, tick(config):
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
    """Run `blog tick`, the second service that `blog deploy` sets up."""
    command = [sys.executable, "-m", "blog", "tick"]
    with subprocess.Popen(command, env=environment(config), stderr=subprocess.DEVNULL) as process:
        SCHEDULER_PIDS.append(process.pid)
        yield
        process.terminate()


def measure(site: Site, front: Nginx, cookies: dict[str, str]) -> tuple[float, float, int]:
    """Return the MiB at rest, the MiB at the peak, and the status of the upload."""
    for _ in range(20):
        site.get("/")
    time.sleep(3)
    resting = total_memory(site, front)
    samples, done = [resting], threading.Event()
    watcher = threading.Thread(target=watch, args=(site, front, samples, done))
    watcher.start()
    status = upload(site, cookies)
    done.set()
    watcher.join()
    return resting, max(samples), status


def watch(site: Site, front: Nginx, samples: list[float], done: threading.Event) -> None:
    while not done.is_set():
        samples.append(total_memory(site, front))
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
    """Return a JPEG file of noise, which compresses badly."""
    image = Image.effect_noise(SIDES, 60).convert("RGB")
    out = BytesIO()
    image.save(out, "JPEG", quality=60)
    return out.getvalue()


def total_memory(site: Site, front: Nginx) -> float:
    """Return the PSS of all processes of the blog and of nginx in MiB."""
    pids = [*site.processes(), *family(front.process.pid), *SCHEDULER_PIDS]
    return sum(map(pss, pids)) / 1024


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from family(int(child))


def pss(pid: int) -> int:
    """Return the PSS of a process in KiB, or 0 if it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def report(resting: float, peak: float, status: int) -> int:
    print(f"at rest {resting:.0f} MiB, at the peak {peak:.0f} MiB, upload returned status {status}")
    return int(peak > LIMIT or status >= 400)


if __name__ == "__main__":
    sys.exit(main())
