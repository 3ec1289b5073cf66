"""Reading what others know about a practice's devices: exports of remote management tools, tables and surveys.

Pure functions from bytes to one normal form. Bad input is told, row by row; it never stops the rest and never raises
anything but ``UnreadableImport``.
"""
