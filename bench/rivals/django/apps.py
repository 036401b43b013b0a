"""Registers the models with Django."""

from django.apps import AppConfig


class Ink(AppConfig):
    name, label = "bench.rivals.django", "ink"
