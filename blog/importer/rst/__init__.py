"""Converts reStructuredText to Markdown."""
