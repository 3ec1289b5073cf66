"""Sign-in providers for the tests: a real one, one that lies, and the name server that proves domains."""
