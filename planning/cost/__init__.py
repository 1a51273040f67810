"""What a workload costs in a month: arithmetic on numbers of things and their prices, no I/O."""
