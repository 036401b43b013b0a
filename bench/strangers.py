"""Whether time tells who is here: a forgotten password and a failed sign-in, known and unknown.

    python -m bench.strangers               200 pairs of each, at a server of its own

Each pair asks for somebody who is here and for somebody who is not, in a random order, from two
networks that nobody has used. The mail server that is named does not answer, so that known names
leave as much to do behind as they can. Prints the medians, and how likely such a difference would
be if there were none (Mann-Whitney).
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
LIKELY = 0.01
networks = itertools.count(1)


def main() -> int:
    given = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given.add_argument("--pairs", type=int, default=200)
    pairs = given.parse_args().pairs
    with TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder), port=PORT)
        startup.prepare(config)
        furnish(config, pairs)
        with served(config):
            tells = [tell("forgotten", *measure(pairs, forget))]
            tells.append(tell("sign-in", *measure(pairs, try_)))
    return int(any(tells))


def furnish(config: Config, people: int) -> None:
    """As many people as will be asked for, each with a password as costly as any."""
    hashed = Passwords().hasher.hash("seven quiet herons")
    database = Database(config)

    def fill(session: Session) -> None:
        given = {"title": "Ink", "address": f"http://127.0.0.1:{PORT}", "language": "en"}
        setup.set_up(
            session, **given, timezone="UTC", name="kim", email="k@x.example", password_hash=hashed
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
    """The blog behind one proxy, which may say from where each request comes."""
    told = {"BLOG_DATA_DIR": config.data_dir, "BLOG_PORT": PORT, "BLOG_PROXIES": 1}
    told |= {"BLOG_SMTP_URL": "smtp://127.0.0.1:9", "BLOG_MAIL_FROM": "blog@ink.example"}
    env = os.environ | {name: str(value) for name, value in told.items()}
    command = [str(Path(sys.executable).parent / "sanic"), "blog.app", "-w", "1"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        until_ready()
        yield
    finally:
        server.terminate()
        server.wait(30)


def until_ready() -> None:
    for _ in range(300):
        with suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            line.request("GET", "/health/ready")
            if line.getresponse().status == 200:
                return
        time.sleep(0.1)
    sys.exit("The server did not come up.")


def forget(name: str) -> tuple[str, dict[str, str], int]:
    return "/forgotten", {"login": f"{name}@ink.example"}, 303


def try_(name: str) -> tuple[str, dict[str, str], int]:
    return "/sign-in", {"login": name, "password": "not the one"}, 422


def measure(
    pairs: int, asked: Callable[[str], tuple[str, dict[str, str], int]]
) -> tuple[list[float], list[float]]:
    """Milliseconds for the known and for the unknown."""
    times: dict[str, list[float]] = {"known": [], "other": []}
    for number in range(-5, pairs):
        for who in random.sample(["known", "other"], 2):
            took = send(*asked(f"{who}-{number % pairs:04}"))
            if number >= 0:
                times[who].append(took)
    return times["known"], times["other"]


def send(path: str, form: dict[str, str], status: int) -> float:
    line, number = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30), next(networks)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
        "X-Forwarded-For": f"10.1.{number // 250}.{number % 250}",
    }
    line.connect()
    began = time.perf_counter()
    line.request("POST", path, urlencode(form), headers)
    answer = line.getresponse()
    answer.read()
    took = (time.perf_counter() - began) * 1000
    line.close()
    assert answer.status == status, answer.status
    return took


def tell(name: str, known: list[float], other: list[float]) -> bool:
    """One line; True where time tells who is here."""
    chance = mann_whitney(known, other)
    print(
        f"{name:10} known {median(known):7.2f} ms   unknown {median(other):7.2f} ms   "
        f"p = {chance:.3f}"
    )
    return chance < LIKELY and abs(median(known) - median(other)) > 5


def mann_whitney(one: list[float], other: list[float]) -> float:
    """How likely such a difference is by chance, two-sided, by the normal approximation."""
    ranked = sorted([(time, 0) for time in one] + [(time, 1) for time in other])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    n, m = len(one), len(other)
    beyond = ranks - n * (n + 1) / 2 - n * m / 2
    return math.erfc(abs(beyond) / math.sqrt(n * m * (n + m + 1) / 12) / math.sqrt(2))


if __name__ == "__main__":
    sys.exit(main())
