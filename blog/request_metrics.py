"""Counts requests and measures how long they take, in memory that all workers share.

Each worker writes to a part of its own, so counting needs no lock. A part outlives its worker: the
worker that replaces it counts on from there, and no counter ever goes backwards.

The counters are plain numbers in one array because the fast path answers a page in about ten
microseconds. Counting takes 0.2 of them, and with prometheus_client, in its mode for more than one
process, about 3; `bench/counting.py` compares the two.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import accumulate, product
from typing import Final

# The blueprints, as values of the label `area`. Requests without a route belong to the first.
AREAS = ("home", "control_panel", "admin", "files", "health")
# Clients choose the method, so the label `method` must not take every value that they send.
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "other")
CLIENT_CLOSED_REQUEST = 499  # nginx's code for a client that has disconnected; not in the standard
OTHER_STATUS = 0
STATUSES = (*map(int, HTTPStatus), CLIENT_CLOSED_REQUEST, OTHER_STATUS)
# Upper bounds of the histogram in seconds; one more bucket has no upper bound.
FIRST_BOUND = 0.001
BUCKETS = (FIRST_BOUND, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, str, int]  # area, method, status
SERIES: tuple[Labels, ...] = tuple(product(AREAS, METHODS, STATUSES))
# A worker's part of the memory: the number of requests of each series; for each area the sum of the
# durations, then the number of requests in each bucket (not cumulative); the fast path's numbers.
REQUEST_CELLS = {labels: cell for cell, labels in enumerate(SERIES)}
DURATION_CELLS = {
    area: len(SERIES) + number * (len(BUCKETS) + 2) for number, area in enumerate(AREAS)
}
FAST_SECONDS = len(SERIES) + len(AREAS) * (len(BUCKETS) + 2)
FAST_OK, FAST_NOT_MODIFIED = FAST_SECONDS + 1, FAST_SECONDS + 2
SIZE = FAST_SECONDS + 3  # numbers per worker
AS_FLOATS: Final = "d"  # type code of `array`, `memoryview` and `multiprocessing`: 8 bytes


class RequestMetrics:
    """The counters of one worker. `cells` is its part of the memory: `SIZE` floats."""

    __slots__ = ("cells",)

    def __init__(self, cells: "memoryview[float] | None" = None) -> None:
        private = memoryview(bytearray(8 * SIZE)).cast(AS_FLOATS)
        self.cells = private if cells is None else cells

    def count(self, area: str, method: str, status: int, seconds: float) -> None:
        """Count a request that has been answered `seconds` after it was received."""
        cells = self.cells
        method = method if method in METHODS else METHODS[-1]
        status = status if (area, method, status) in REQUEST_CELLS else OTHER_STATUS
        cells[REQUEST_CELLS[area, method, status]] += 1
        begin = DURATION_CELLS[area]
        cells[begin] += seconds
        cells[begin + 1 + bisect_left(BUCKETS, seconds)] += 1

    def count_fast(self, status: int, seconds: float) -> None:
        """Count a page that the fast path has sent: GET, status 200 or 304, mostly below 1 ms.

        Two numbers are enough for those, so this costs half as much as `count`.
        """
        if seconds > FIRST_BOUND:
            self.count(AREAS[0], "GET", status, seconds)
            return
        cells = self.cells
        cells[FAST_OK if status == 200 else FAST_NOT_MODIFIED] += 1.0
        cells[FAST_SECONDS] += seconds


@dataclass(frozen=True)
class Durations:
    """A histogram: cumulative numbers of requests for each of `BUCKETS` and in total, and a sum."""

    counts: list[float]
    seconds: float


class RequestTotals:
    """The sums over several workers, as they are at this moment.

    `memory` contains the parts of the workers one after the other.
    """

    def __init__(self, memory: Sequence[float]) -> None:
        parts = [memory[begin : begin + SIZE] for begin in range(0, len(memory), SIZE)]
        self._cells = [sum(numbers) for numbers in zip(*parts, strict=True)]
        # The fast path's numbers belong to these cells, too.
        fast = self._cells[FAST_OK], self._cells[FAST_NOT_MODIFIED]
        self._cells[REQUEST_CELLS["home", "GET", 200]] += fast[0]
        self._cells[REQUEST_CELLS["home", "GET", 304]] += fast[1]
        self._cells[DURATION_CELLS["home"]] += self._cells[FAST_SECONDS]
        self._cells[DURATION_CELLS["home"] + 1] += sum(fast)

    def requests(self) -> Iterator[tuple[Labels, float]]:
        """Yield the number of requests of each series that has any."""
        return ((labels, cell) for labels, cell in zip(SERIES, self._cells, strict=False) if cell)

    def durations(self) -> Iterator[tuple[str, Durations]]:
        """Yield the histogram of each area."""
        for area, begin in DURATION_CELLS.items():
            counts = self._cells[begin + 1 : begin + 2 + len(BUCKETS)]
            yield area, Durations(list(accumulate(counts)), self._cells[begin])
