"""standby under OpenAI's own SDK: `client` makes the SDK's clients, the other modules translate the wire."""
