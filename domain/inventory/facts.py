"""Facts against the vocabulary: what may be said of a thing, in which type, and the form that asks for it.

The vocabulary is data; a form, a check and a rule that read the same row cannot disagree. Null is how one says that
nobody knows: it is accepted for every fact, and so are "" and "unknown", which mean the same.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal, Protocol

from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import clean
from domain.known import is_known

LONGEST_TEXT = 2000
LONGEST_LIST = 500
LARGEST_NUMBER = 2**31 - 1
EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class FactRow(Protocol):
    """What a row of the vocabulary must offer; the catalogue's facts do."""

    @property
    def name(self) -> str: ...
    @property
    def of(self) -> str: ...
    @property
    def type(self) -> Literal["boolean", "integer", "string", "date", "datetime", "list", "object"]: ...
    @property
    def values(self) -> tuple[str, ...]: ...
    @property
    def kinds(self) -> tuple[str, ...]: ...
    @property
    def items(self) -> Literal["integer", "string"] | None: ...
    @property
    def shape(self) -> str | None: ...
    @property
    def question(self) -> str: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def computed(self) -> bool: ...
    @property
    def default(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class FactProblem:
    """One fact that was not accepted. ``pointer`` leads to it inside the facts; ``allowed`` lists what would be, if that
    is a closed list."""

    pointer: str
    fact: str
    code: str
    detail: str
    allowed: tuple[str, ...] = ()


class FactVocabulary:
    """The rows of the vocabulary by what they belong to. Build it once and share it."""

    def __init__(self, rows: Iterable[FactRow]) -> None:
        self._of: dict[str, dict[str, FactRow]] = {}
        for row in rows:
            self._of.setdefault(row.of, {})[row.name] = row

    def rows(self, of: str) -> Mapping[str, FactRow]:
        """Raises LookupError for a word of which the vocabulary knows nothing."""
        try:
            return self._of[of]
        except KeyError:
            raise LookupError(f"The vocabulary has no facts of {of!r}.") from None

    def asked(self, of: str, kind: str | None) -> Iterator[FactRow]:
        """The facts that a person is asked of such a thing, in the order of the vocabulary."""
        return (row for row in self.rows(of).values() if not row.computed and _is_for(row, kind))

    def place(self, row: FactRow) -> int:
        """Where it is asked among all facts of its like, counted from 1."""
        return list(self.rows(row.of)).index(row.name) + 1


def check_facts(
    of: str,
    kind: str | None,
    facts: Mapping[str, Json],
    vocabulary: FactVocabulary,
    *,
    columns: Collection[str] = (),
) -> tuple[dict[str, Json], tuple[FactProblem, ...]]:
    """The facts that can be kept, and what is wrong with the others.

    ``columns`` are facts that are fields of their own and belong there. Unknown values are kept as None, so that a fact
    can be taken back; days and moments are kept as RFC 3339 texts.
    """
    accepted: dict[str, Json] = {}
    problems: list[FactProblem] = []
    rows = vocabulary.rows(of)
    for name, value in facts.items():
        row = rows.get(name)
        pointer = f"/{_escaped(name)}"
        problem = _misplaced(row, name, pointer, kind, columns)
        if problem is not None or row is None:
            problems.append(problem or _unknown_fact(name, pointer, of))
            continue
        kept, found = _checked(row, value, pointer, vocabulary)
        problems += found
        if not found:
            accepted[name] = kept
    return accepted, tuple(problems)


def json_schema(of: str, kind: str | None, vocabulary: FactVocabulary, *, columns: Collection[str] = ()) -> dict[str, Json]:
    """The JSON Schema (2020-12) of the facts of such a thing: questions as descriptions, null for what nobody knows."""
    return {
        "$schema": DIALECT,
        "title": f"Facts of {_a(kind or of)}",
        **_object_schema((row for row in vocabulary.asked(of, kind) if row.name not in columns), vocabulary),
    }


def _object_schema(rows: Iterable[FactRow], vocabulary: FactVocabulary) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {row.name: _schema(row, vocabulary) for row in rows},
        "additionalProperties": False,
    }


def _schema(row: FactRow, vocabulary: FactVocabulary) -> Json:
    """What a form needs beside the rules: a short title, the question, the order, and words for the values of a list."""
    schema: dict[str, Json] = {"title": in_words(row.name), "description": row.question, "x-order": vocabulary.place(row)}
    if row.unit:
        schema["x-unit"] = row.unit
    if row.default is not None:
        schema["default"] = row.default
    if row.values and row.type == "string":
        return {**schema, "enum": [*row.values, None], "x-words": {value: in_words(value) for value in row.values}}
    match row.type:
        case "boolean":
            schema["type"] = ["boolean", "null"]
        case "integer":
            schema |= {"type": ["integer", "null"], "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
        case "string":
            schema |= {"type": ["string", "null"], "maxLength": LONGEST_TEXT}
        case "date":
            schema |= {"type": ["string", "null"], "format": "date"}
        case "datetime":
            schema |= {"type": ["string", "null"], "format": "date-time"}
        case "list":
            schema |= {"type": ["array", "null"], "maxItems": LONGEST_LIST, "items": _member_schema(row, vocabulary)}
        case "object":
            inner = _object_schema(vocabulary.asked(row.shape or "", None), vocabulary)
            schema |= {**inner, "type": ["object", "null"]}
    return schema


def in_words(name: str) -> str:
    """How a name of the vocabulary is shown to people: ``baa_on_file`` is "BAA on file"."""
    first, *others = [_ABBREVIATED.get(word, word) for word in name.split("_")]
    return " ".join([first[:1].upper() + first[1:], *others])


_ABBREVIATED: Mapping[str, str] = {
    "ae": "AE", "av": "AV", "baa": "BAA", "bcp195": "BCP 195", "cbct": "CBCT", "db": "DB", "dicom": "DICOM", "ephi": "ePHI",
    "esu": "ESU", "fda": "FDA", "ftp": "FTP", "hipaa": "HIPAA", "id": "ID", "lan": "LAN", "mfa": "MFA", "nas": "NAS",
    "os": "OS", "phi": "PHI", "pms": "PMS", "psp": "PSP", "psk": "PSK", "rdp": "RDP", "rmm": "RMM", "smb": "SMB",
    "smb1": "SMB 1", "sra": "SRA", "sso": "SSO", "tls": "TLS", "tpm": "TPM", "usb": "USB", "vlan": "VLAN", "vpn": "VPN",
    "wep": "WEP", "wifi": "Wi-Fi", "wpa": "WPA", "wpa2": "WPA2", "wpa3": "WPA3",
}  # fmt: skip


def _member_schema(row: FactRow, vocabulary: FactVocabulary) -> Json:
    if row.shape:
        return _object_schema(vocabulary.asked(row.shape, None), vocabulary)
    if row.items == "integer":
        return {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
    return {"enum": [*row.values]} if row.values else {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}


def _misplaced(row: FactRow | None, name: str, pointer: str, kind: str | None, columns: Collection[str]) -> FactProblem | None:
    """A fact of the vocabulary that is not said here: a field of its own, worked out, or asked of other kinds."""
    if name in columns:
        return FactProblem(pointer, name, "has_its_own_field", f"{name} has a field of its own; say it there.")
    if row is None:
        return None
    if row.computed:
        return FactProblem(pointer, name, "computed", f"{name} is worked out from other facts and cannot be stated.")
    if not _is_for(row, kind):
        detail = f"{name} is not asked of {_a(kind or 'thing')}, only of: {', '.join(row.kinds)}."
        return FactProblem(pointer, name, "not_for_kind", detail, row.kinds)
    return None


def _unknown_fact(name: str, pointer: str, of: str) -> FactProblem:
    return FactProblem(pointer, name, "unknown_fact", f"The vocabulary has no fact of that name for {_a(of)}.")


def _checked(row: FactRow, value: Json, pointer: str, vocabulary: FactVocabulary) -> tuple[Json, tuple[FactProblem, ...]]:
    """The value as it is kept, or its problems."""
    if not is_known(value):  # where "unknown" is in the list of values, it is an answer of its own
        return "unknown" if value and "unknown" in row.values else None, ()
    if row.type == "list":
        return _checked_list(row, value, pointer, vocabulary)
    if row.type == "object":
        if isinstance(value, dict):
            return _checked_object(row.shape or "", value, pointer, vocabulary)
        return None, (_problem(row, pointer, "wrong_type", f"{row.name} must be an object."),)
    kept = _scalar(row.type, value)
    if kept is None:
        return None, (_problem(row, pointer, "wrong_type", f"{row.name} must be {_wanted(row)}."),)
    if row.values and kept not in row.values:
        detail = f"{row.name} must be one of: {', '.join(row.values)}."
        return None, (_problem(row, pointer, "not_allowed", detail),)
    return kept, ()


def _checked_list(row: FactRow, value: Json, pointer: str, vocabulary: FactVocabulary) -> tuple[Json, tuple[FactProblem, ...]]:
    if not isinstance(value, list) or len(value) > LONGEST_LIST:
        detail = f"{row.name} must be a list of at most {LONGEST_LIST} members; an empty one means there are none."
        return None, (_problem(row, pointer, "wrong_type", detail),)
    kept: list[Json] = []
    problems: list[FactProblem] = []
    for number, member in enumerate(value):
        place = f"{pointer}/{number}"
        if row.shape and isinstance(member, dict):
            inner, found = _checked_object(row.shape, member, place, vocabulary)
            kept.append(inner)
            problems += found
            continue
        item = None if row.shape or not is_known(member) else _scalar(row.items or "string", member)
        if item is None:
            wanted = "an object" if row.shape else "a whole number" if row.items == "integer" else "a text"
            problems.append(_problem(row, place, "wrong_type", f"Each member of {row.name} must be {wanted}."))
        elif row.values and item not in row.values:
            detail = f"Each member of {row.name} must be one of: {', '.join(row.values)}."
            problems.append(_problem(row, place, "not_allowed", detail))
        else:
            kept.append(item)
    return kept, tuple(problems)


def _checked_object(
    shape: str, value: Mapping[str, Json], pointer: str, vocabulary: FactVocabulary
) -> tuple[Json, tuple[FactProblem, ...]]:
    accepted, problems = check_facts(shape, None, value, vocabulary)
    return accepted, tuple(
        FactProblem(f"{pointer}{each.pointer}", each.fact, each.code, each.detail, each.allowed) for each in problems
    )


def _scalar(kind: str, value: Json) -> str | int | bool | None:
    """The value in its type, None if it is of another. A number is never a text, nor true a number."""
    match kind:
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                return None
            return value if abs(value) <= LARGEST_NUMBER else None
        case "date":
            return _day(value)
        case "datetime":
            return _moment(value)
        case _:
            text = clean(value).text if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""
            return text or None


def _day(value: Json) -> str | None:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-11-22") else None
    except ValueError:
        return None
    return day.isoformat() if day and EARLIEST_YEAR <= day.year <= LATEST_YEAR else None


def _moment(value: Json) -> str | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return moment.isoformat().replace("+00:00", "Z") if moment and moment.year >= EARLIEST_YEAR else None


def _wanted(row: FactRow) -> str:
    match row.type:
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number ({row.unit})" if row.unit else "a whole number"
        case "date":
            return "a day (YYYY-MM-DD)"
        case "datetime":
            return "a moment with its time zone (RFC 3339)"
        case _:
            return f"a text of 1 to {LONGEST_TEXT} characters"


def _is_for(row: FactRow, kind: str | None) -> bool:
    return not row.kinds or kind in row.kinds


def _problem(row: FactRow, pointer: str, code: str, detail: str) -> FactProblem:
    return FactProblem(pointer, row.name, code, detail, row.values)


def _a(word: str) -> str:
    return f"{'an' if word[:1] in 'aeio' else 'a'} {word.replace('_', ' ')}"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
