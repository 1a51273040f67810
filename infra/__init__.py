"""Puts Fanfare on AWS, or on an emulated one: `python -m infra --help`."""
