"""Which characters the bundled fonts can print: the PDF engine refuses a document with a single one that they cannot.

Noto Sans has Latin, Greek and Cyrillic; DejaVu Sans adds Arabic, Hebrew, Armenian, Georgian and symbols; Droid Sans
Fallback adds Chinese and Japanese. What none of them has is printed as its code point, ``[U+0E44]``, never left out;
HTML and JSON keep the character itself.
"""

import functools
import struct
import unicodedata
from pathlib import Path

from domain.inventory.map_labels import JOINERS, code_point, text_width, visible

FONT_DIRECTORY = Path(__file__).with_name("fonts")
FAMILIES = {
    "Noto Sans": ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf", "NotoSans-Italic.ttf"),
    "DejaVu Sans": ("DejaVuSans.ttf",),
    "Droid Sans Fallback": ("DroidSansFallbackFull.ttf",),
}
BREAK = "\u200b"  # zero-width space: where a long word may be broken
LONGEST_WORD = 11.5  # ems: no word of a language is longer, and what is longer is a path, a hash or a mistake
PIECE = 8.0  # ems: what the narrowest column of typed text holds
SHORT = 8  # characters, which always fit
BREAKS_AFTER = frozenset("/\\-_.,;:@&=?)")


def printable(text: str, *, marks: bool = True, plain_only: bool = False) -> str:
    """Text that the fonts can print, with breaks allowed inside long words; nothing that was typed is left out.

    Without ``marks``, letters that need a mark of its own are taken apart: drawings cannot hold them. ``plain_only``
    admits only the first font and no marks: the last resort if the engine still refuses.
    """
    shown = unicodedata.normalize("NFC", visible(text)).replace("\ufeff", code_point("\ufeff"))
    if shown.isascii():
        return _with_breaks(shown)
    fonts = [coverage(family) for family in FAMILIES]
    return _with_breaks("".join(_fitted(cluster, fonts, marks=marks, plain_only=plain_only) for cluster in _clusters(shown)))


@functools.cache
def coverage(family: str) -> frozenset[int]:
    """The code points that every file of a family has: bold text must not lose what regular text shows."""
    first, *others = (_code_points(FONT_DIRECTORY / name) for name in FAMILIES[family])
    return first.intersection(*others)


def _code_points(path: Path) -> frozenset[int]:
    """Read from the ``cmap`` table, formats 4 and 12 of the OpenType specification."""
    font = path.read_bytes()
    tables = struct.unpack_from(">H", font, 4)[0]
    records = (struct.unpack_from(">4sIII", font, 12 + 16 * number) for number in range(tables))
    cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    points: set[int] = set()
    for number in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        start = cmap + struct.unpack_from(">I", font, cmap + 4 + 8 * number + 4)[0]
        kind = struct.unpack_from(">H", font, start)[0]
        if kind == 4:
            points.update(_segments(font, start))
        elif kind == 12:
            for group in range(struct.unpack_from(">I", font, start + 12)[0]):
                first, last, _ = struct.unpack_from(">III", font, start + 16 + 12 * group)
                points.update(range(first, last + 1))
    return frozenset(points)


def _segments(font: bytes, start: int) -> set[int]:
    """Code points of a format 4 table whose glyph is not the empty one."""
    double = struct.unpack_from(">H", font, start + 6)[0]
    count = double // 2
    ends = struct.unpack_from(f">{count}H", font, start + 14)
    firsts = struct.unpack_from(f">{count}H", font, start + 16 + double)
    deltas = struct.unpack_from(f">{count}h", font, start + 16 + 2 * double)
    ranges_at = start + 16 + 3 * double
    offsets = struct.unpack_from(f">{count}H", font, ranges_at)
    found: set[int] = set()
    for segment in range(count):
        for point in range(firsts[segment], min(ends[segment], 0xFFFE) + 1):
            glyph = point
            if offsets[segment]:
                place = ranges_at + 2 * segment + offsets[segment] + 2 * (point - firsts[segment])
                glyph = struct.unpack_from(">H", font, place)[0]
            if glyph and (glyph + deltas[segment]) % 65536:
                found.add(point)
    return found


def _clusters(text: str) -> list[str]:
    """Letters with the marks on them: one font must have all of a cluster."""
    clusters: list[str] = []
    for character in text:
        if clusters and _joins(character) and not clusters[-1].isspace():
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _joins(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me", "Mc"}


def _fitted(cluster: str, fonts: list[frozenset[int]], *, marks: bool, plain_only: bool) -> str:
    needed = {ord(character) for character in cluster if character not in JOINERS and character != "\n"}
    if plain_only:
        return "".join(one if one == "\n" or (ord(one) in fonts[0] and not _joins(one)) else code_point(one) for one in cluster)
    if _joins(cluster[0]):  # a mark on nothing
        return "".join(map(code_point, cluster))
    if any(needed <= font for font in fonts) and (marks or len(cluster) == 1):
        return cluster
    base_fits = any(ord(cluster[0]) in font for font in fonts)
    return (cluster[0] if base_fits else code_point(cluster[0])) + "".join(map(code_point, cluster[1:]))


def _with_breaks(text: str) -> str:
    if len(text) <= SHORT:
        return text
    return "\n".join(" ".join(_breakable(word) for word in line.split(" ")) for line in text.split("\n"))


def _breakable(word: str) -> str:
    """A long word (a path, a hash, a name without spaces) with places to break it, so that it stays in its column."""
    if len(word) <= SHORT or text_width(word, size=1) <= LONGEST_WORD:
        return word
    parts: list[str] = []
    run = 0.0
    for position, character in enumerate(word):
        parts.append(character)
        run += text_width(character, size=1)
        follows = word[position + 1] if position + 1 < len(word) else ""
        full = run + text_width(follows, size=1) > PIECE
        if follows and not _joins(follows) and (full or (character in BREAKS_AFTER and run > PIECE / 2)):
            parts.append(BREAK)
            run = 0.0
    return "".join(parts)
