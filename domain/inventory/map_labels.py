"""Typed text made fit for a drawing or a page: hidden characters shown, lines broken, widths estimated.

Names come from people and imports. A control or direction character would break an XML file or turn the words after it
around, so each is printed as its code point (``[U+202E]``) and nothing that was typed is lost.
"""

import unicodedata

JOINERS = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")  # invisible, harmless, and part of correct spelling
HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
LINE_ENDS = dict.fromkeys(map(ord, "\r\u2028\u2029"), "\n")

NARROW = frozenset("ijltfrI.,;:'|!()[]/\\ -`\"·")
BROAD = frozenset("mwMW@%—")


def visible(text: str) -> str:
    """``text`` with every hidden character as its code point; line breaks are kept as ``\\n``."""
    plain = text.replace("\r\n", "\n").replace("\t", " ").translate(LINE_ENDS)
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_shown(character) for character in plain)


def code_point(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def text_width(text: str, *, size: float) -> float:
    """An estimate on the wide side, for sans-serif faces: the machine that shows the drawing may lack ours."""
    return size * sum(_advance(character) for character in text)


def wrap(text: str, *, width: float, size: float, lines: int) -> tuple[str, ...]:
    """Greedy lines no wider than ``width``; words too long are cut; text past the last line ends in an ellipsis."""
    broken: list[str] = []
    line = ""
    for word in text.split():
        for piece in _pieces(word, width=width, size=size):
            joined = f"{line} {piece}" if line else piece
            if text_width(joined, size=size) <= width:
                line = joined
            else:
                broken.append(line)
                line = piece
    broken.append(line)
    kept = [one for one in broken if one]
    if len(kept) <= lines:
        return tuple(kept) or ("",)
    last = kept[lines - 1]
    while last and text_width(f"{last}…", size=size) > width:
        last = last[:-1]
    return (*kept[: lines - 1], f"{last}…")


def _shown(character: str) -> str:
    if character == "\n" or character in JOINERS or unicodedata.category(character) not in HIDDEN:
        return character
    return code_point(character)


def _pieces(word: str, *, width: float, size: float) -> list[str]:
    if text_width(word, size=size) <= width:
        return [word]
    pieces: list[str] = []
    piece = ""
    for character in word:
        if piece and text_width(piece + character, size=size) > width:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def _advance(character: str) -> float:
    if character in NARROW:
        return 0.36
    if character in BROAD:
        return 0.95
    if unicodedata.combining(character) or character in JOINERS:
        return 0.0
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return 1.05
    if character.isupper():
        return 0.70
    return 0.60
