"""The cache of finished public pages: storage, invalidation, and the fast path that serves it."""
