"""Bodies, streams and delays of HTTP answers, for adapters only."""
