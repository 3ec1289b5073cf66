"""Passwords: which ones are good enough, and how they are kept and compared.

NIST SP 800-63B section 3.1.1.2 asks for length and for a look at a list of those that are common, expected or compromised,
and against rules of composition. So: twelve characters, and nothing that a guesser tries first, in whatever disguise.
"""

import asyncio
import gzip
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, TypeVar

from pwdlib import PasswordHash
from pydantic import Field, SecretStr

from domain.errors import Invalid

PASSWORDS = PasswordHash.recommended()
"""Argon2id with the library's parameters: 64 MiB for each guess."""
Password = Annotated[
    SecretStr, Field(min_length=12, max_length=200, description="At least 12 characters, and not easy to guess.")
]
GUESSED_FIRST = "This is, or is made from, one of the passwords that guessers try first. Four unrelated words are better."
_DISGUISES = str.maketrans({"@": "a", "4": "a", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", "1": "i", "!": "i"})
_STEADY = 0.75
"""A password of which so large a part goes up, down or nowhere by one, such as ``abcdefgh1234``, is no secret."""
_HANDS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="passwords")
"""A hash takes a core for some 50 ms and 64 MiB: beside the event loop, and never many at once."""
Answer = TypeVar("Answer")


def refuse_weak(password: SecretStr, *, about: Iterable[str], pointer: str = "/password") -> None:
    """Refuse what is easy to guess: :class:`Invalid`. ``about`` are words that anybody knows of the person."""
    if _easy(_plain(password.get_secret_value()), [_plain(each) for each in about]):
        raise Invalid.one(pointer, "easy_to_guess", GUESSED_FIRST)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _easy(text: str, about: list[str]) -> bool:
    undisguised = text.translate(_DISGUISES)
    stems = {text, undisguised, _bare(text), _bare(undisguised), _bare(text).translate(_DISGUISES)}
    known = [part for each in about for part in (each, each.partition("@")[0]) if len(part) >= 4]
    return (
        bool(stems & common_passwords())
        or len(set(text)) < 5
        or _repeats(text)
        or _steady(text) >= _STEADY
        or any(len(text.replace(each, "")) < 8 for each in known)
    )


def _bare(text: str) -> str:
    """Without the digits and signs that people put before and behind a word because somebody asked for them."""
    start = next((place for place, each in enumerate(text) if each.isalpha()), len(text))
    end = next((place for place, each in enumerate(reversed(text)) if each.isalpha()), len(text))
    return text[start : len(text) - end]


def _repeats(text: str) -> bool:
    """One short thing again and again, such as ``hunter2hunter2``."""
    period = (text + text).index(text, 1)
    return period < min(len(text), 8)


def _steady(text: str) -> float:
    steps = [abs(ord(after) - ord(before)) <= 1 for before, after in pairwise(text)]
    return sum(steps) / max(1, len(steps))


@cache
def common_passwords() -> frozenset[str]:
    """Some 30,000 of them; the file says whose work the list is."""
    packed = Path(__file__).with_name("common_passwords.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return frozenset(line for line in lines if not line.startswith("# "))


async def hashed(password: SecretStr) -> str:
    """What is kept of a password."""
    return await _beside(lambda: PASSWORDS.hash(password.get_secret_value()))


async def matches(password: SecretStr, kept: str | None) -> bool:
    """Whether this is the password. Where none is kept the same work is done, so that time tells nobody which it was."""

    def compare() -> bool:
        # Asked for in both cases: the first time in each process it takes a hash to make.
        nobodys = _nobodys()
        return PASSWORDS.verify(password.get_secret_value(), kept or nobodys)

    return await _beside(compare) and kept is not None


@cache
def _nobodys() -> str:
    return PASSWORDS.hash("nobody has this password")


async def _beside(work: Callable[[], Answer]) -> Answer:
    return await asyncio.get_running_loop().run_in_executor(_HANDS, work)
