"""Python's search for circular garbage, put off while thousands of rows are made.

It looks at every living object again each time so many new ones have come, and an export is a million objects of which none
is garbage: a third of the time that an import computes went there. Whatever is not circular is freed at once all the same.
"""

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

_lock = threading.Lock()
_putting_off = 0


@contextmanager
def put_off() -> Generator[None]:
    """For as long as one import takes, which is seconds. Several may be under way at once."""
    global _putting_off  # noqa: PLW0603  the collector is the process's, and so is the count of those who want it still
    with _lock:
        _putting_off += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _putting_off -= 1
            if not _putting_off:
                gc.enable()
