"""Registers the models with Wagtail."""

from django.apps import AppConfig


class Ink(AppConfig):
    name, label = "bench.rivals.wagtail", "wagtail_ink"
