"""Settings made explicit: which plugin, key, card and time-outs stand behind each name."""
