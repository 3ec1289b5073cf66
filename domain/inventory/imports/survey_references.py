"""Which entries of a survey refer to something that is not there, followed through to those that refer to them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from domain.inventory.imports.documents import at
from domain.inventory.imports.survey_form import FLOW_ENDS, SECTIONS, Entry


class Refused(NamedTuple):
    pointer: str
    code: str
    detail: str
    of: str = ""
    id: str = ""


class _Reference(NamedTuple):
    pointer: str
    of: str
    id: str


def refuse_dangling(taken: dict[str, list[Entry]], refused: Iterable[tuple[str, str]]) -> Iterator[Refused]:
    """Takes the entries with dangling references out of ``taken`` and gives each with its reason.

    One walk over a graph: an entry is refused once, and only those that refer to it are looked at again.
    """
    there = {(SECTIONS[name].of, entry.id) for name, entries in taken.items() for entry in entries}
    was_there = set(refused)
    referring: dict[tuple[str, str], list[tuple[Entry, _Reference]]] = {}
    pending: list[tuple[Entry, _Reference]] = []
    for entries in taken.values():
        for entry in entries:
            for reference in _references(entry, there, was_there):
                target = (reference.of, reference.id)
                if target in there:
                    referring.setdefault(target, []).append((entry, reference))
                else:
                    pending.append((entry, reference))
    gone = set[str]()
    while pending:
        entry, reference = pending.pop()
        if entry.pointer in gone:
            continue
        gone.add(entry.pointer)
        of = SECTIONS[entry.section].of
        reason = "was itself rejected" if (reference.of, reference.id) in was_there else "is not in the survey"
        was_there.add((of, entry.id))
        detail = f"The entry refers to {reference.of.replace('_', ' ')} {reference.id[:100]}, which {reason}."
        yield Refused(reference.pointer, "unknown_reference", detail, of, entry.id)
        pending += referring.pop((of, entry.id), [])
    for name, entries in taken.items():
        taken[name] = [entry for entry in entries if entry.pointer not in gone]


def _references(entry: Entry, there: set[tuple[str, str]], was_there: set[tuple[str, str]]) -> Iterator[_Reference]:
    section = SECTIONS[entry.section]
    for column, of in section.references.items():
        for pointer, target in _targets(entry, column):
            if target not in section.outside:
                yield _Reference(pointer, of, target)
    if entry.section == "flows":
        for column in FLOW_ENDS:
            end = entry.text(column) or ""
            named = [(of, end) for of in ("asset", "partner", "vendor")]
            target = next((each for each in named if each in there), None) or next(
                (each for each in named if each in was_there), None
            )
            if target:  # otherwise a place outside the survey
                yield _Reference(f"{entry.pointer}/{column}", *target)


def _targets(entry: Entry, column: str) -> Iterator[tuple[str, str]]:
    name, _, inner = column.partition("/")
    value = entry.columns.get(name)
    if isinstance(value, str):
        yield f"{entry.pointer}/{name}", value
    elif isinstance(value, tuple):
        for number, target in enumerate(value):
            yield f"{entry.pointer}/{name}/{number}", target
    elif isinstance(value, list):
        for number, member in enumerate(value):
            target = at(member, inner)
            if isinstance(target, str) and target:
                yield f"{entry.pointer}/{name}/{number}/{inner}", target
