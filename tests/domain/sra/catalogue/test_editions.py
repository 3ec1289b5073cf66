"""A released edition never changes: sealed analyses were made with it and have to be explained with it for six years."""

from pathlib import Path

import pytest

from domain.sra.catalogue import catalogue, digest, editions

FROZEN = Path(__file__).parent / "digest.txt"

HOW_TO = """
The content of edition {edition} has changed. Analyses that were opened on it have to stay explainable by it.
If the edition has been released, make a new one instead: copy domain/sra/catalogue/{edition} to a folder with the next
name (2026.2), set `id` in its edition.toml, change it there, set CURRENT in loader.py, and add its line to {file}.
If it has not been released yet, its line in {file} becomes:
{edition} {digest}
"""


def frozen() -> dict[str, str]:
    lines = FROZEN.read_text("utf-8").splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("edition", editions())
def test_an_edition_is_never_edited_silently(edition: str) -> None:
    now = digest(edition)
    assert frozen().get(edition) == now, HOW_TO.format(edition=edition, file=FROZEN.name, digest=now)


def test_every_frozen_edition_is_still_in_the_package() -> None:
    assert set(frozen()) == set(editions())


def test_an_edition_says_what_it_rests_on() -> None:
    edition = catalogue().edition
    assert edition.ruleset == "cfr-2013"
    assert "not legal advice" in edition.notice
    assert all(source.read_on <= edition.as_of for source in edition.source)
