"""Moving in: an old blog's folder is read, and becomes posts. Nothing is imported here."""
