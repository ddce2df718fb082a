"""The Anthropic plugin."""
