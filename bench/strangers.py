"""Checks that response times of /forgotten and /sign-in do not reveal which users exist.

    python -m bench.strangers               200 pairs of requests each, to a new server

Each pair is a request for an existing user and one for an unknown user, in random order, from two
new networks. The configured mail server does not respond, so that a request for an existing user
causes as much work as possible. Prints the medians, and the probability that such a difference
occurs by chance (Mann-Whitney test).
"""

import argparse
import http.client
import itertools
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from blog.config import Config
from blog.db import Database
from blog.models.users import setup, user
from blog.server import startup
from blog.web.passwords import Passwords

PORT = 8765
SIGNIFICANT = 0.01
networks = itertools.count(1)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=200)
    pairs = parser.parse_args().pairs
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder), port=PORT)
        startup.prepare(config)
        fill_blog(config, pairs)
        with served(config):
            reveals = [report("forgotten", *measure(pairs, request_reset))]
            reveals.append(report("sign-in", *measure(pairs, fail_to_sign_in)))
    return int(any(reveals))


def fill_blog(config: Config, people: int) -> None:
    """Set up a blog with this number of users, whose passwords are hashed at the usual cost."""
    hashed = Passwords().hasher.hash("seven quiet herons")
    database = Database(config)

    def fill(session: Session) -> None:
        values = {"title": "Ink", "address": f"http://127.0.0.1:{PORT}", "language": "en"}
        setup.set_up(
            session, **values, timezone="UTC", name="kim", email="k@x.example", password_hash=hashed
        )
        for number in range(people):
            user.create_user(
                session,
                name=f"known-{number:04}",
                display_name="Somebody",
                email=f"known-{number:04}@ink.example",
                role="author",
                password_hash=hashed,
            )

    database.transact_now(fill)
    database.close()


@contextmanager
def served(config: Config) -> Iterator[None]:
    """Run the blog as if behind one proxy, so that X-Forwarded-For sets the address of a client."""
    settings = {"BLOG_DATA_DIR": config.data_dir, "BLOG_PORT": PORT, "BLOG_PROXIES": 1}
    settings |= {"BLOG_SMTP_URL": "smtp://127.0.0.1:9", "BLOG_MAIL_FROM": "blog@ink.example"}
    env = os.environ | {name: str(value) for name, value in settings.items()}
    command = [str(Path(sys.executable).parent / "sanic"), "blog.app", "-w", "1"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        wait_until_ready()
        yield
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready() -> None:
    for _ in range(300):
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    sys.exit("The server did not start.")


def request_reset(name: str) -> tuple[str, dict[str, str], int]:
    return "/forgotten", {"login": f"{name}@ink.example"}, 303


def fail_to_sign_in(name: str) -> tuple[str, dict[str, str], int]:
    return "/sign-in", {"login": name, "password": "not the one"}, 422


def measure(
    pairs: int, request_for: Callable[[str], tuple[str, dict[str, str], int]]
) -> tuple[list[float], list[float]]:
    """Return the response times for existing and for unknown users, in milliseconds."""
    times: dict[str, list[float]] = {"known": [], "other": []}
    for number in range(-5, pairs):
        for who in random.sample(["known", "other"], 2):
            duration = send(*request_for(f"{who}-{number % pairs:04}"))
            if number >= 0:
                times[who].append(duration)
    return times["known"], times["other"]


def send(path: str, form: dict[str, str], status: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    number = next(networks)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
        "X-Forwarded-For": f"10.1.{number // 250}.{number % 250}",
    }
    connection.connect()
    start = time.perf_counter()
    connection.request("POST", path, urlencode(form), headers)
    response = connection.getresponse()
    response.read()
    duration = (time.perf_counter() - start) * 1000
    connection.close()
    assert response.status == status, response.status
    return duration


def report(name: str, known: list[float], other: list[float]) -> bool:
    """Print one line; return True if the difference is significant and above 5 ms."""
    p = mann_whitney(known, other)
    print(
        f"{name:10} known {median(known):7.2f} ms   unknown {median(other):7.2f} ms   p = {p:.3f}"
    )
    return p < SIGNIFICANT and abs(median(known) - median(other)) > 5


def mann_whitney(first: list[float], second: list[float]) -> float:
    """Return the two-sided p-value of the Mann-Whitney U test, by the normal approximation."""
    ranked = sorted([(time, 0) for time in first] + [(time, 1) for time in second])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(first), len(second)
    deviation = ranks - n * (n + 1) / 2 - n * m / 2
    return math.erfc(abs(deviation) / math.sqrt(n * m * (n + m + 1) / 12) / math.sqrt(2))


if __name__ == "__main__":
    sys.exit(main())
