"""Background work: the scheduler and the tasks it runs."""
