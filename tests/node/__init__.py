"""The browser client, in Node's own test runner."""
