"""The report as a sequence of plain blocks, written once; the PDF and the HTML page are two ways of setting it.

A block holds text, never markup: whatever a person typed stays text in every format.
"""

from dataclasses import dataclass
from typing import Literal

Tone = Literal[
    "plain", "strong", "muted", "unknown", "alarm", "code",
    "very_low", "low", "moderate", "high", "very_high",
]  # fmt: skip
Layout = Literal["portrait", "landscape", "proposed"]


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph of a cell. The five levels are tones: they are set as a shaded word."""

    text: str
    tone: Tone = "plain"


Cell = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """``weight`` is its share of the width; the first column of a table names its rows."""

    title: str
    weight: int


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    tone: Literal["plain", "note", "alarm", "none"] = "plain"
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one line each."""

    pairs: tuple[tuple[str, Cell], ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    """Without rows it is printed as ``none``, so that an empty part is seen to be empty."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    none: str = "None recorded."
    small: bool = False
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]
    none: str = "None recorded."
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True, slots=True)
class Matrix:
    """A grid of levels: likelihood down (very high first), impact across. ``counts`` None: the bare table."""

    caption: str
    levels: tuple[tuple[Tone, ...], ...]
    counts: tuple[tuple[int, ...], ...] | None
    kind: Literal["matrix"] = "matrix"


@dataclass(frozen=True, slots=True)
class MapFigure:
    """One drawing: the whole map, or the part around ``place``."""

    place: str | None
    alternative: str
    kind: Literal["map"] = "map"


Block = Paragraph | Heading | Facts | Table | Bullets | Matrix | MapFigure


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    layout: Layout
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class SignatureLine:
    role: str
    statement: str
    signer: str
    signed: str
    account: str | None
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Cover:
    practice: str
    facts: tuple[tuple[str, Cell], ...]
    signatures: tuple[SignatureLine, ...]
    state: str
    state_detail: str


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    language: str
    brand: str
    colour: str
    draft: bool
    running: str
    footing: str
    description: str
    cover: Cover
    sections: tuple[Section, ...]
