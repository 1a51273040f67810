"""Input that nobody would send by mistake, given to the real handlers."""
