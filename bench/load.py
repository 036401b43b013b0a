"""Readers: wrk with one thread, and connections that it keeps open as long as it may."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.target import Unfit

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What the readers saw. Milliseconds; `broken` connections, answers that were `refused`."""

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    broken: int
    refused: int

    @property
    def rate(self) -> float:
        """Requests per second that were answered well."""
        return (self.requests - self.refused) / self.seconds


def load(url: str, connections: int, seconds: float, headers: dict[str, str]) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "--timeout=10s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(SCRIPT), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unfit(f"wrk gave up: {done.stderr or done.stdout}")
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))
