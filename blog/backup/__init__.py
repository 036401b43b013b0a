"""Keeping: a blog is taken away whole, is got back, and leaves as plain files."""
