"""The row of an export as it is kept for the report: as it came, but for what looks like a patient's identifier.

Exports carry fields that people fill by hand, and no patient may enter by them.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from domain.inventory.imports.normal_form import Json
from domain.inventory.patient_data import patient_identifiers

REMOVED = "[removed: it looked like a patient identifier]"
WARNING = "patient_identifier_removed"


def storable_row(raw: Mapping[str, Json]) -> tuple[dict[str, Any], bool]:
    """The row, and whether something was removed from it. A serial number may look as it likes."""
    row: dict[str, Json] = dict(raw)
    if not may_name_a_patient(json.dumps(row, ensure_ascii=False)):
        return row, False
    places = [place for place, _ in patient_identifiers(row) if "serial" not in place.rsplit("/", 1)[-1].casefold()]
    return (_without(row, places), True) if places else (row, False)


def may_name_a_patient(text: str) -> bool:
    """False if the thorough check would find nothing. It costs a hundredth of that, and most rows end here."""
    if not text.isascii():
        return True
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS) or any(form.search(lowered) for form in _FORMS)


def may_hold_patients(content: bytes) -> bool:
    """The same for a whole document, so that an innocent one is looked at once and not row by row."""
    return not content.isascii() or b"\\u" in content or b"\0" in content or may_name_a_patient(content.decode("ascii"))


def _without(row: dict[str, Json], places: list[str]) -> dict[str, Json]:
    copy: dict[str, Json] = json.loads(json.dumps(row))
    for place in places:
        *path, last = (part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:])
        holder: Any = copy
        for part in path:
            holder = holder[_key(holder, part)]
        holder[_key(holder, last)] = REMOVED
    return copy


def _key(holder: object, part: str) -> str | int:
    return int(part) if isinstance(holder, list) else part


_HINTS = ("ssn", "social", "mrn", "medical", "dob", "d.o.b", "birth", "patient", "chart")
_FORMS = (re.compile(r"-\d\d-\d{4}"), re.compile(r"pa?t[\W_]*(?:id|num|n[or]|#)"))
"""Each begins with a plain letter or sign, for which a search is fastest."""
