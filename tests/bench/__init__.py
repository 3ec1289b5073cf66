"""Benches: each figure is a ratio against a limit measured in the same run, because absolute rates drift with the machine."""
