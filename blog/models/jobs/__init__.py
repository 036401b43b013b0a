"""Tables and queries of background work: leases, the outbox, retention and diagnostics."""
