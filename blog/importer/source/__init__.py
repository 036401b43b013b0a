"""Reads the files of an old blog into source posts."""
