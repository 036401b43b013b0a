"""Backups, restoring them, and the export of a blog as plain files."""
