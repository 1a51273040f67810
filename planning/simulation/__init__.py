"""A discrete-event simulation of a message's whole way, from a client to the last receiver."""
