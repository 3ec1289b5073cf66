"""How values that JSON does not know stand in JSON that we write: in columns, in events, in hashes."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ValidationError

from domain.clock import rfc3339
from domain.errors import Fault, Invalid


def as_json(value: Any) -> Any:
    """How dates, ids and enums stand in JSON that we write ourselves."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, AbstractSet):
        return sorted(cast("AbstractSet[Any]", value), key=str)
    if isinstance(value, tuple):
        return list(cast("tuple[Any, ...]", value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def accepted(kind: type[BaseModel], said: Mapping[str, Any], *, at: str) -> dict[str, Any]:
    """What was said about a product's own fields, or Invalid with a fault for each that it does not know or lacks."""
    try:
        return kind.model_validate(dict(said)).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        raise Invalid(
            [
                Fault("/".join((at, *map(str, each["loc"]))), each["type"], each["msg"])
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None
