"""What callers pass, made into a request."""
