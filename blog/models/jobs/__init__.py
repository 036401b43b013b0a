"""Rows that background work reconciles: leases, the outbox, retention and diagnostics."""
