"""Compares the cost of counting a request with that of prometheus_client.

    python -m bench.counting

Both count the request by area, method and status, and add its duration to a histogram with the
same buckets, in memory from which another process can compute the sums of all workers. The results
are nanoseconds of CPU time per request: the fastest of many short, interleaved batches.
"""

import os
import sys
import timeit
from collections.abc import Callable
from multiprocessing.sharedctypes import RawArray
from tempfile import TemporaryDirectory
from time import process_time

from blog.request_metrics import AS_FLOATS, BUCKETS, SIZE, RequestMetrics

ROUNDS, BATCH = 150, 2000
SECONDS = 0.00001  # the duration of each request


def main() -> int:
    memory = memoryview(RawArray(AS_FLOATS, SIZE)).cast("B").cast(AS_FLOATS)
    ours = RequestMetrics(memory)
    with TemporaryDirectory() as folder:
        rival = prometheus_counting(folder)
        report(
            {
                "ours, cached page": lambda: ours.count_fast(200, SECONDS),
                "ours, other requests": lambda: ours.count("home", "GET", 200, SECONDS),
                "prometheus_client": rival,
            }
        )
    return 0


def prometheus_counting(folder: str) -> Callable[[], None]:
    """Return a function that counts a request with prometheus_client, for several processes.

    The labels are looked up beforehand, because that takes almost as long again.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read when the module is imported
    from prometheus_client import Counter, Histogram

    requests = Counter("requests", "Requests.", ["area", "method", "status"])
    durations = Histogram("durations", "Durations.", ["area"], buckets=BUCKETS)
    counter, histogram = requests.labels("home", "GET", "200"), durations.labels("home")

    def count() -> None:
        counter.inc()
        histogram.observe(SECONDS)

    return count


def report(countings: dict[str, Callable[[], None]]) -> None:
    """Print the cost of each, and how many times it fits into the last one."""
    timers = {name: timeit.Timer(count, timer=process_time) for name, count in countings.items()}
    batches = [{name: timer.timeit(BATCH) for name, timer in timers.items()} for _ in range(ROUNDS)]
    best = {name: min(batch[name] for batch in batches) / BATCH * 1e9 for name in countings}
    *_, rival = best.values()
    for name, cost in best.items():
        print(f"{name:22} {cost:6,.0f} ns  {rival / cost:5.1f}×")


if __name__ == "__main__":
    sys.exit(main())
