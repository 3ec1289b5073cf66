"""The program that runs Graphviz, started by `map_layout` as a process of its own: DOT texts in, positions out.

A process and not a thread, because the binding holds the interpreter's lock for as long as the layout lasts (an
unlucky graph of 250 nodes froze every thread for two minutes), keeps global state, and answers some graphs by
``abort``. It imports nothing of this project, so it starts in a quarter of a second.
"""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    """Read a JSON list of DOT texts; write one line of JSON for each as soon as it is laid out."""
    pygraphviz: Any = importlib.import_module("pygraphviz")  # untyped, and wanted in the child only
    for dot in json.load(sys.stdin):
        laid_out = pygraphviz.AGraph(string=dot).draw(format="json0", prog="dot")
        sys.stdout.write(json.dumps(json.loads(laid_out)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
