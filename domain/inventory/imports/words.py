"""What the words for "encrypted" and "protected" mean, whichever tool or person wrote them.

Words are compared on their letters only ("Running & up-to-date" is RunningAndUpToDate). A word that is neither clearly
on nor clearly off is unknown: "partly encrypted" is no protection and no finding either.
"""

import re
from typing import NamedTuple

from domain.inventory.imports.normal_form import Definitions, Json, Switch
from domain.inventory.imports.texts import letters, text_of


class Antivirus(NamedTuple):
    state: Switch
    definitions: Definitions


NO_ANTIVIRUS_FACT = Antivirus("unknown", "unknown")


def encryption_of(value: Json) -> Switch:
    """One word, or one per volume as in ``C: On; D: Off``; one open volume leaves the device unencrypted."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = text_of(value)
    volumes = [match for match in map(_VOLUME.fullmatch, _BETWEEN_VOLUMES.split(text.strip(" ;,"))) if match]
    words = [match.group(1) for match in volumes] or [text]
    states = {_switch(word, on=_ENCRYPTED, off=_NOT_ENCRYPTED) for word in words}
    return "off" if "off" in states else "on" if states == {"on"} else "unknown"


def antivirus_of(value: Json) -> Antivirus:
    if isinstance(value, bool):
        return Antivirus("on" if value else "off", "unknown")
    word = letters(text_of(value).replace("&", " and "))
    state = _switch(word, on=_PROTECTED, off=_NOT_PROTECTED)
    return Antivirus(state, _definitions(word, state))


def definitions_of(value: Json, state: Switch) -> Definitions:
    """The definitions column beside an antivirus column. Definitions of a scanner that does not run say nothing."""
    return _definitions(letters(text_of(value)), state)


def _definitions(word: str, state: Switch) -> Definitions:
    if word in _EXPIRED:
        return "expired"
    if state != "on":
        return "unknown"
    return "outdated" if word in _OUTDATED else "current" if word in _CURRENT else "unknown"


def _switch(word: str, *, on: frozenset[str], off: frozenset[str]) -> Switch:
    bare = letters(word)
    return "on" if bare in on else "off" if bare in off else "unknown"


def _words(*texts: str) -> frozenset[str]:
    return frozenset(map(letters, texts))


_VOLUME = re.compile(r"\s*[A-Za-z]:\\?\s*[:=-]?\s*(.+?)\s*", re.DOTALL)
_BETWEEN_VOLUMES = re.compile(r"[;,|\n]+")
_ON = ("on", "yes", "true", "enabled", "active", "1")
_OFF = ("off", "no", "false", "disabled", "inactive", "none", "0")
_ENCRYPTED = _words(
    *_ON,
    "encrypted",
    "fully encrypted",
    "used space only encrypted",
    "protected",
    "protection on",
    "BitLocker on",
    "FileVault on",
    "FileVault is on",
)
_NOT_ENCRYPTED = _words(
    *_OFF,
    "not encrypted",
    "unencrypted",
    "fully decrypted",
    "decrypted",
    "unprotected",
    "not protected",
    "protection off",
    "suspended",
    "encryption in progress",
    "decryption in progress",
    "BitLocker off",
    "FileVault off",
    "FileVault is off",
)
_CURRENT = _words("up to date", "running and up to date", "running up to date", "current", "enabled and up to date", "updated")
_OUTDATED = _words(
    "out of date",
    "not up to date",
    "outdated",
    "running and not up to date",
    "running not up to date",
    "running and out of date",
    "enabled and out of date",
    "old",
)
_EXPIRED = _words("expired", "license expired", "subscription expired")
_PROTECTED = _words(*_ON, "running", "protected", "installed and running", "ok", "healthy") | _CURRENT | _OUTDATED
_NOT_PROTECTED = (
    _words(
        *_OFF,
        "not running",
        "not detected",
        "none detected",
        "not installed",
        "stopped",
        "snoozed",
        "unprotected",
        "not protected",
        "missing",
    )
    | _EXPIRED
)
