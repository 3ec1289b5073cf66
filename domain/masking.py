"""Keeps secrets out of the audit trail, whatever a verb hands to it: what is named like a secret shows as ``***``."""

import re
from collections.abc import Mapping
from typing import Any, cast

MASK = "***"
_SECRET = re.compile(r"(?:^|_)(?:secrets?|passwords?|passphrase|tokens?|credentials?|private_key|api_key)$")


def masked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes with every text under the name of a secret replaced; that it changed can still be seen."""
    return {name: _hidden(value) if _SECRET.search(name) else _looked_through(value) for name, value in changes.items()}


def _looked_through(value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked(cast("Mapping[str, Any]", value))
    if isinstance(value, list):
        return [_looked_through(each) for each in cast("list[Any]", value)]
    return value


def _hidden(value: Any) -> Any:
    """Texts become a mask; yes, no and nothing tell no secret."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {name: _hidden(each) for name, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_hidden(each) for each in cast("list[Any]", value)]
    return MASK
