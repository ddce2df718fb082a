"""standby inside other frameworks, a package for each; the core imports none of them."""
