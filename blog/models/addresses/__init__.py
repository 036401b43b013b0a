"""Addresses of posts and pages, and redirects."""
