"""What lets Django know the models."""

from django.apps import AppConfig


class Ink(AppConfig):
    name, label = "bench.rivals.django", "ink"
