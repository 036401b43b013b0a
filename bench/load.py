"""Generates load with wrk: one thread and keep-alive connections."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.target import TargetError

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What wrk measured.

    Latencies are in milliseconds. `broken` counts socket errors and timeouts, `refused` responses
    with an error status.
    """

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    broken: int
    refused: int

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return (self.requests - self.refused) / self.seconds


def load(url: str, connections: int, seconds: float, headers: dict[str, str]) -> Load:
    """Run wrk against a URL.

    Raises `TargetError` if wrk fails.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "--timeout=10s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(SCRIPT), url]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise TargetError(f"wrk failed: {process.stderr or process.stdout}")
    return Load(**json.loads(process.stdout.strip().splitlines()[-1]))
