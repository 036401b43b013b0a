"""Writes imported content, and reads what an export contains."""
