"""A self-hosted blog for many authors: three rooms round one table. Nothing is imported here."""

__version__ = "0.3.0"
