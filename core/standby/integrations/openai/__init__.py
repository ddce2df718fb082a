"""standby under OpenAI's own SDK: `client` makes its clients, the rest translates the wire."""
