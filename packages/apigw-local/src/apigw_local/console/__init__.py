"""Lines, hints and tracebacks for the terminal."""
