"""A self-hosted blog for several authors. Imports nothing, so that models load without web code."""

__version__ = "0.5.0"
