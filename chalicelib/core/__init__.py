"""Pure decisions and shapes: no AWS, no clock, no environment."""
