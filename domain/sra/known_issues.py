"""Published problems of imaging products, matched to what is installed by name and version.

Versions are compared number by number, and missing numbers count as 0: 5.0 is 5. A version without a number is not known.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from domain.known import is_mapping
from domain.sra.catalogue import KnownIssue


def issues_of(software: Mapping[str, Any], issues: Iterable[KnownIssue]) -> list[tuple[str, dict[str, Any]]]:
    """(id, facts) of each issue whose product is named in the software's name, as whole words in any case."""
    words = _words(software.get("name"))
    return [(issue.id, _facts(issue)) for issue in issues if words and f" {_words(issue.product)} " in f" {words} "]


def readable(software: Mapping[str, Any]) -> dict[str, Any]:
    """The software without a version that has no number in it, which tells nothing."""
    facts = dict(software)
    if _numbers(facts.get("version")) is None:
        facts.pop("version", None)
    return facts


def version_before(version: object, limit: object) -> bool | None:
    """``version`` is older than ``limit``; None when one of them is no version."""
    compared = _compared(version, limit)
    return None if compared is None else compared < 0


def version_matches(version: object, affected: object) -> bool | None:
    """``version`` lies in a range {op, version}; None when one of them cannot be read."""
    if not is_mapping(affected):
        return None
    compared = _compared(version, affected.get("version"))
    if compared is None:
        return None
    return {"<": compared < 0, "<=": compared <= 0, "==": compared == 0}.get(str(affected.get("op")))


def may_be_meant(version: object, issue: KnownIssue) -> bool:
    """A version outside the published range that nobody can call safe: a finer one of the version at its end (16.1.2, where
    16.1 is named), or one older than the version that mended it."""
    if version_before(version, issue.fixed_in):
        return True
    installed, end = _numbers(version), _numbers(issue.affected.version) if issue.affected else None
    including = issue.affected is not None and issue.affected.op != "<"
    return bool(including and installed and end and issue.fixed_in is None and installed[: len(end)] == end)


def _facts(issue: KnownIssue) -> dict[str, Any]:
    facts: dict[str, Any] = {"rule_class": issue.rule_class}
    if issue.affected is not None:
        facts["affected"] = {"op": issue.affected.op, "version": issue.affected.version}
    if issue.fixed_in is not None:
        facts["fixed_in"] = issue.fixed_in
    return facts


def _words(name: object) -> str:
    return " ".join(re.findall(r"\w+", name.casefold())) if isinstance(name, str) else ""


def _compared(left: object, right: object) -> int | None:
    a, b = _numbers(left), _numbers(right)
    if a is None or b is None:
        return None
    length = max(len(a), len(b))
    padded = a + (0,) * (length - len(a)), b + (0,) * (length - len(b))
    return (padded[0] > padded[1]) - (padded[0] < padded[1])


def _numbers(version: object) -> tuple[int, ...] | None:
    if not isinstance(version, str) or len(version) > 100:
        return None
    found = re.match(r"\D*?(\d+(?:\.\d+)*)", version)
    return tuple(int(number) for number in found.group(1).split(".")) if found else None
