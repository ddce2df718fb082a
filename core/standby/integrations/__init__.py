"""standby inside other frameworks: one module, or one package, for each; none is imported by the core."""
