"""The tests: unit, contract, functional, local, browser."""
