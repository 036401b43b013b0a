"""Uploaded pictures: their table, and their list in the admin area."""
