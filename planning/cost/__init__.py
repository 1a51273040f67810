"""Bills of a workload for a month: arithmetic on counts and prices, no I/O."""
