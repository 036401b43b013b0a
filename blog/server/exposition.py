"""Writes the metrics in Prometheus' text format.

prometheus_client writes the format and reads the numbers of each process from /proc. The numbers
of requests come from `blog.request_metrics`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from blog import __version__
from blog.models.jobs.outbox import OutstandingMail
from blog.request_metrics import BUCKETS, RequestTotals
from blog.server.vitals import WorkerVitals

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
BOUNDS = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]  # values of the label `le`
LAG = "Delay of the event loop in seconds:"


@dataclass(frozen=True)
class Facts(Collector):
    """What is reported.

    `own` are the labels of counters that the workers do not share. `processes` are process IDs by
    the value of the label `worker`. `mail` is None if the database cannot be read. `backup_age` is
    in seconds, and None without a backup.
    """

    requests: RequestTotals
    own: dict[str, str]
    workers: Sequence[WorkerVitals]
    processes: dict[str, int]
    mail: OutstandingMail | None
    backup_age: float | None

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its samples."""
        yield InfoMetricFamily("blog_build", "Version of the blog.", {"version": __version__})
        yield from self._request_metrics()
        yield from self._process_metrics()
        yield from self._worker_metrics()
        yield from self._database_metrics()
        if self.backup_age is not None:
            help = "Seconds since the last successful backup; missing if there was none."
            yield GaugeMetricFamily("blog_backup_age_seconds", help, self.backup_age)

    def _request_metrics(self) -> Iterator[Metric]:
        own_names, own_values = list(self.own), list(self.own.values())
        labels = ["area", "method", "status", *own_names]
        total = CounterMetricFamily("http_requests", "Answered requests.", labels=labels)
        for (area, method, status), number in self.requests.requests():
            total.add_metric([area, method, str(status or "other"), *own_values], number)
        yield total
        durations = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from the request's header to the end of its response.",
            labels=["area", *own_names],
        )
        for area, histogram in self.requests.durations():
            buckets = list(zip(BOUNDS, histogram.counts, strict=True))
            durations.add_metric([area, *own_values], buckets, histogram.seconds)
        yield durations

    def _process_metrics(self) -> Iterator[Metric]:
        """Yield memory, CPU time, start time and open files of each process."""
        families: dict[str, Metric] = {}
        for worker, pid in self.processes.items():
            collector = ProcessCollector(pid=lambda pid=pid: pid, registry=None)  # type: ignore[misc]  # bound now
            for metric in collector.collect():
                family = families.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                for sample in metric.samples:
                    family.add_sample(sample.name, {"worker": worker}, sample.value)
        yield from families.values()

    def _worker_metrics(self) -> Iterator[Metric]:
        for name, help, attribute in (
            ("blog_loop_lag_p50_seconds", f"{LAG} median of the last five minutes.", "lag_p50"),
            ("blog_loop_lag_p99_seconds", f"{LAG} 99th percentile, same time.", "lag_p99"),
            ("blog_loop_lag_worst_seconds", f"{LAG} longest since the start.", "lag_worst"),
            ("blog_page_cache_bytes", "Size of the page cache.", "cache_bytes"),
        ):
            yield self._of_workers(GaugeMetricFamily(name, help, labels=["worker"]), attribute)
        for name, help, attribute in (
            ("blog_page_cache_hits", "Pages served from the page cache.", "cache_hits"),
            ("blog_page_cache_stores", "Pages rendered for the page cache.", "cache_stores"),
        ):
            yield self._of_workers(CounterMetricFamily(name, help, labels=["worker"]), attribute)

    def _of_workers(
        self, family: GaugeMetricFamily | CounterMetricFamily, attribute: str
    ) -> GaugeMetricFamily | CounterMetricFamily:
        for worker in self.workers:
            family.add_metric([worker.name], getattr(worker, attribute))
        return family

    def _database_metrics(self) -> Iterator[Metric]:
        is_up = float(self.mail is not None)
        yield GaugeMetricFamily("blog_database_up", "Whether the database can be read.", is_up)
        if self.mail is not None:
            help = "Emails that are neither sent nor given up."
            yield GaugeMetricFamily("blog_mail_outstanding", help, self.mail.number)
            help = "Age of the oldest of them; 0 if there is none."
            yield GaugeMetricFamily("blog_mail_oldest_age_seconds", help, self.mail.oldest_age)


def write(facts: Facts) -> bytes:
    """Return the metrics as text. Reads /proc, so it runs in a thread."""
    return generate_latest(facts)
