"""Finished public pages: stored as bytes, served by the fast path, dropped when they change."""
