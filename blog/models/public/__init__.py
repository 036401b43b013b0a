"""Queries behind the public pages."""
