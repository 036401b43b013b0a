"""Reads the metrics of a blog with the parser of prometheus_client."""

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """`Metrics(text).value("http_requests_total", area="home")`."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {
            family.name: family for family in text_string_to_metric_families(text)
        }

    def values(self, name: str, **labels: str) -> list[float]:
        """Return the values of all samples of this name that have these labels."""
        return [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of those values."""
        return sum(self.values(name, **labels))

    def value(self, name: str) -> float:
        """Return the value of the only sample of this name."""
        (value,) = self.values(name)
        return value
