"""What callers pass, parsed into a request: messages, media, tools, schemas."""
