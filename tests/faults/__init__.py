"""The guarantees, under every interleaving, death and loss that can be thought of."""
