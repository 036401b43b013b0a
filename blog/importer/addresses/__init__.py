"""Decides the address of each imported post and where its links point."""
