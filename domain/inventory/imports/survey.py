"""The technician's survey, read section by section: whatever is good is taken, and each bad entry is refused alone.

References are checked last and together. An entry that refers to a refused one is refused too, and says so; nothing
that the inventory could not hold comes out of here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from domain.inventory.imports.documents import at, is_too_deep, read_json, storable
from domain.inventory.imports.normal_form import Json, Remark, UnreadableImport
from domain.inventory.imports.survey_form import (
    FLOW_ENDS,
    OTHER_MEMBERS,
    PRACTICE_COLUMNS,
    SCHEMA,
    SECTIONS,
    SRA_COLUMNS,
    Entry,
    Section,
    Shape,
    Survey,
    Value,
)
from domain.inventory.imports.survey_references import Refused, refuse_dangling
from domain.inventory.imports.texts import clean
from domain.known import is_known

LONGEST_ID = 200
LONGEST_NAME = 255


def read_survey(data: bytes) -> Survey:
    """Raises UnreadableImport for what is no survey at all; everything less is told in the result."""
    document = read_json(data, part="survey")
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UnreadableImport(
            "unknown_schema", f"This is no survey: a JSON object with schema {SCHEMA} is expected.", pointer="/schema"
        )
    told = _Told()
    asked = frozenset(name for name in SECTIONS if isinstance(document.get(name), list))
    taken: dict[str, list[Entry]] = {}
    for name, section in SECTIONS.items():
        taken[name] = [*_entries(name, section, document.get(name), told)]
    _refuse_repeated(taken, told)
    for refused in refuse_dangling(taken, told.refused):
        told.reject(refused)
    _note_unplaced_ends(taken, told)
    unknown = tuple(sorted(_printable(name) for name in set(document) - set(SECTIONS) - OTHER_MEMBERS))
    return Survey(
        as_of=_as_day(document.get("as_of"), "/as_of", told),
        as_of_time=_as_moment(document.get("as_of_time"), "/as_of_time", told),
        practice=_single("practice", PRACTICE_COLUMNS, document.get("practice"), told),
        settings=dict(_settings(document.get("settings"), told)),
        sra=_single("sra", SRA_COLUMNS, document.get("sra"), told),
        policies=dict(_policies(document.get("policies"), told)),
        import_options=dict(_members("import_options", document.get("import_options"), told)),
        **{name: tuple(entries) for name, entries in taken.items()},
        asked=asked,
        rejected=tuple(told.rejected),
        notes=tuple(told.notes),
        unknown_sections=unknown,
    )


@dataclass(slots=True)
class _Told:
    """What there is to say about the survey, collected on the way."""

    rejected: list[Remark] = field(default_factory=list[Remark])
    notes: list[Remark] = field(default_factory=list[Remark])
    refused: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(vocabulary word, id) of entries that were there and were not taken."""

    def reject(self, refused: Refused) -> None:
        self.rejected.append(Remark(refused.code, refused.detail, refused.pointer))
        if refused.id:
            self.refused.add((refused.of, refused.id))


def _entries(name: str, section: Section, value: Json, told: _Told) -> Iterator[Entry]:
    if value is None:
        return
    if not isinstance(value, list):
        told.reject(Refused(f"/{name}", "not_a_list", f"The section {name} is not a list; nothing of it was taken."))
        return
    for number, member in enumerate(value):
        pointer = f"/{name}/{number}"
        entry = _entry(name, section, member, pointer, told)
        if isinstance(entry, Refused):
            told.reject(entry)
        else:
            yield entry


def _entry(name: str, section: Section, member: Json, pointer: str, told: _Told) -> Entry | Refused:
    if not isinstance(member, dict):
        return Refused(pointer, "not_an_object", "The entry is not a JSON object.")
    if is_too_deep(member):
        return Refused(pointer, "too_deep", "The entry is nested deeper than any entry of a survey is.")
    member = storable(member)
    identity = member.get(section.identity)
    if identity is None or identity == "":
        return Refused(pointer, "missing_id", f"The entry has no {section.identity}, so nothing could refer to it.")
    if not isinstance(identity, str):
        return Refused(f"{pointer}/{section.identity}", "wrong_type", f"The {section.identity} must be a text.")
    identity = clean(identity).text
    if not identity or len(identity) > LONGEST_ID:
        detail = f"The {section.identity} must have 1 to {LONGEST_ID} visible characters."
        return Refused(f"{pointer}/{section.identity}", "bad_id", detail)
    fault = _fault_in_identity(section, member, pointer)
    if fault:
        return Refused(*fault, of=section.of, id=identity)
    columns = _columns(section.columns, member, pointer, told)
    facts = {key: fact for key, fact in member.items() if key not in section.columns and key != section.identity}
    return Entry(name, identity, pointer, columns, facts, member)


def _fault_in_identity(section: Section, member: Mapping[str, Json], pointer: str) -> tuple[str, str, str] | None:
    """What is wrong with the members that say what the entry is and what it belongs to: pointer, code, sentence."""
    for column in dict.fromkeys(("hostname", "name", "serial", *section.references, section.kind or "")):
        value = member.get(column)
        shape = section.columns.get(column)
        if not is_known(value) or shape not in ("text", "texts"):
            continue
        if shape == "text" and not isinstance(value, str):
            return f"{pointer}/{column}", "wrong_type", f"The member {column} must be a text."
        if shape == "text" and isinstance(value, str) and len(value) > LONGEST_NAME:
            return f"{pointer}/{column}", "too_long", f"The member {column} is longer than {LONGEST_NAME} characters."
        if shape == "texts" and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            return f"{pointer}/{column}", "wrong_type", f"The member {column} must be a list of ids."
    if section.kind and member.get(section.kind) not in section.kinds:
        allowed = ", ".join(sorted(section.kinds))
        return f"{pointer}/{section.kind}", "unknown_kind", f"The {section.kind} is none of: {allowed}."
    return None


def _columns(shapes: Mapping[str, Shape], member: Mapping[str, Json], pointer: str, told: _Told) -> dict[str, Value]:
    return {name: _value(shape, member.get(name), f"{pointer}/{name}", told) for name, shape in shapes.items()}


def _value(shape: Shape, value: Json, pointer: str, told: _Told) -> Value:
    """The value in the shape of its column; None, with a note, where it has another shape."""
    if not is_known(value):
        return None
    if shape == "day":
        return _as_day(value, pointer, told)
    if shape == "moment":
        return _as_moment(value, pointer, told)
    if shape == "text" and isinstance(value, str):
        return clean(value).text or None
    if shape == "flag" and isinstance(value, bool):
        return value
    if shape == "whole" and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER:
        return value
    if shape == "texts" and isinstance(value, list):
        return tuple(_texts(value, pointer, told))
    if (shape == "object" and isinstance(value, dict)) or (shape == "list" and isinstance(value, list)):
        return value
    told.notes.append(Remark("wrong_type", f"The value must be {_SHAPES[shape]}; it counts as unknown.", pointer))
    return None


def _texts(values: Sequence[Json], pointer: str, told: _Told) -> Iterator[str]:
    for number, value in enumerate(values):
        if isinstance(value, str) and clean(value).text:
            yield clean(value).text
        else:
            told.notes.append(
                Remark("wrong_type", "The member of the list is no text and was left out.", f"{pointer}/{number}")
            )


def _as_day(value: Json, pointer: str, told: _Told) -> date | None:
    if not is_known(value):
        return None
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) and _is_instant_or_day(value) else _no_day()
    except ValueError:
        told.notes.append(Remark("bad_date", "The value is no day (YYYY-MM-DD); it counts as unknown.", pointer))
        return None


def _as_moment(value: Json, pointer: str, told: _Told) -> datetime | None:
    if not is_known(value):
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else _no_day()
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        told.notes.append(Remark("bad_date", "The value is no moment (RFC 3339); it counts as unknown.", pointer))
        return None


def _is_instant_or_day(text: str) -> bool:
    return len(text) == len("2026-11-22") or text[10:11] in ("T", " ")


def _no_day() -> datetime:
    raise ValueError


def _single(name: str, shapes: Mapping[str, Shape], value: Json, told: _Told) -> Entry | None:
    """A section that is one object: the practice, or the last approved analysis."""
    if value is None:
        return None
    if not isinstance(value, dict) or is_too_deep(value):
        told.reject(Refused(f"/{name}", "not_an_object", f"The section {name} is not an object of plain values."))
        return None
    member = storable(value)
    identity = at(member, "id")
    columns = _columns(shapes, member, f"/{name}", told)
    facts = {key: fact for key, fact in member.items() if key not in shapes and key != "id"}
    return Entry(name, identity if isinstance(identity, str) and identity else name, f"/{name}", columns, facts, member)


def _settings(value: Json, told: _Told) -> Iterator[tuple[str, int]]:
    """What the practice chose; a null is no choice."""
    for name, setting in _members("settings", value, told):
        if isinstance(setting, int) and not isinstance(setting, bool) and abs(setting) <= _LARGEST_NUMBER:
            yield name, setting
        elif is_known(setting):
            told.reject(Refused(f"/settings/{_escaped(name)}", "wrong_type", "A setting must be a whole number."))


def _policies(value: Json, told: _Told) -> Iterator[tuple[str, bool | None]]:
    """Whether each rule is written down; None: asked, and nobody knew."""
    for name, policy in _members("policies", value, told):
        if isinstance(policy, bool) or not is_known(policy):
            yield name, policy if isinstance(policy, bool) else None
        else:
            told.reject(Refused(f"/policies/{_escaped(name)}", "wrong_type", "A policy is true, false or null."))


def _members(name: str, value: Json, told: _Told) -> Iterator[tuple[str, Json]]:
    if value is None:
        return
    if not isinstance(value, dict) or is_too_deep(value):
        told.reject(Refused(f"/{name}", "not_an_object", f"The section {name} is not an object of plain values."))
        return
    yield from storable(value).items()


def _refuse_repeated(taken: dict[str, list[Entry]], told: _Told) -> None:
    """The first of several entries with one id is kept. Systems and modalities share their ids."""
    seen: dict[tuple[str, str], str] = {}
    for name, entries in taken.items():
        kept: list[Entry] = []
        for entry in entries:
            key = (SECTIONS[name].of, entry.id)
            first = seen.setdefault(key, entry.pointer)
            if first == entry.pointer:
                kept.append(entry)
            else:
                detail = f"The id is already taken by {first}; the first entry counts."
                told.rejected.append(Remark("duplicate_id", detail, f"{entry.pointer}/{SECTIONS[name].identity}"))
        taken[name] = kept


def _note_unplaced_ends(taken: Mapping[str, list[Entry]], told: _Told) -> None:
    """A flow may lead to a place that is in no list; a mistyped id looks the same, so it is said."""
    known = {entry.id for name in ("systems", "modalities", "partners", "vendors") for entry in taken[name]}
    for flow in taken["flows"]:
        for column in FLOW_ENDS:
            text = flow.text(column)
            if text and text not in known and text.casefold() != "patient":
                detail = "This end of the flow is no entry of the survey and was taken as a place outside, by its name."
                told.notes.append(Remark("unplaced_end", detail, f"{flow.pointer}/{column}"))


def _printable(name: str) -> str:
    return clean(name).text[:LONGEST_NAME]


def _escaped(name: str) -> str:
    return _printable(name).replace("~", "~0").replace("/", "~1")


_LARGEST_NUMBER = 2**31 - 1
_SHAPES: Mapping[Shape, str] = {
    "text": "a text",
    "day": "a day",
    "moment": "a moment",
    "flag": "true, false or null",
    "whole": "a whole number",
    "texts": "a list of texts",
    "object": "an object",
    "list": "a list",
}
