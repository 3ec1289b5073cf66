"""The engine that sets every PDF of the program, for the report and for the papers of billing: the same bytes for the same
data.

It sees one template and one JSON file, in memory; its file access is confined to the folder of the template, it gets no
fonts but ours, and no typed text is ever part of a template.
"""

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

import typst

from domain.sra.report.fonts import FONT_DIRECTORY

STANDARDS = ["ua-1", "a-2a"]
ARCHIVE_ONLY = ["a-2b"]
MAIN = "main.typ"


class Say(Protocol):
    """How a typed text is made printable; ``marks`` as in `printable`."""

    def __call__(self, text: str, *, marks: bool = True) -> str: ...


def typeset(files: Mapping[str, bytes], shown: Mapping[str, Any], *, root: Path, standards: list[str], at: datetime) -> bytes:
    """The PDF of the template ``main.typ`` among ``files``, which reads ``shown`` from ``document.json``."""
    every = {**files, "document.json": json.dumps(shown, ensure_ascii=False).encode()}
    return typst.compile(
        cast(Any, every),  # the stub does not name it, but files in memory are documented
        format="pdf",
        root=root,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        pdf_standards=cast(Any, standards),
        timestamp=at.replace(microsecond=0),  # the engine takes whole seconds
    )


def said(value: Any, say: Say) -> Any:
    """Every text in a JSON value, made printable."""
    if isinstance(value, str):
        return say(value)
    if isinstance(value, dict):
        return {key: said(inner, say) for key, inner in cast(dict[str, Any], value).items()}
    if isinstance(value, list | tuple):
        return [said(inner, say) for inner in cast(list[Any], value)]
    return value


@functools.cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONT_DIRECTORY])
