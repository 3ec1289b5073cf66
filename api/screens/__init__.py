"""Pages for people who come from a letter and have no program of their own: drawn here, and whole without a script."""
