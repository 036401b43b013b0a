"""The change log: what each transaction changed, for the audit log and for cache invalidation."""
