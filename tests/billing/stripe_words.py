"""What may be said to Stripe: the parameter types of its own library, turned into models that refuse everything else."""

import types
import typing
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin

import stripe
import stripe.params
from pydantic import BaseModel, ConfigDict, create_model
from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

OPTIONS = set(RequestOptions.__annotations__)
"""Go into headers, never into the body."""


@cache
def model_of(kind: Any) -> type[BaseModel]:
    """A strict model of a parameter type: unknown members and wrong choices are refused."""
    hints = typing.get_type_hints(kind, localns={"StripeContext": Any, "Mapping": typing.Mapping}, include_extras=True)
    fields: dict[str, Any] = {}
    for name, hint in hints.items():
        if name in OPTIONS:
            continue
        inner, required = _bare(hint)
        fields[f"f_{name}"] = (_strict(inner), ... if required else None)
    config = ConfigDict(extra="forbid", alias_generator=lambda name: name.removeprefix("f_"), protected_namespaces=())
    return create_model(kind.__name__, __config__=config, **fields)


def _bare(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) is NotRequired:
        return get_args(hint)[0], False
    if get_origin(hint) is Required:
        return get_args(hint)[0], True
    return hint, True


def _strict(hint: Any) -> Any:
    """Choices stay choices: the library lets any text pass beside them, so that an older one can say newer words."""
    origin, parts = get_origin(hint), get_args(hint)
    if "UntypedStripeObject" in str(hint) and origin not in {Union, types.UnionType, list}:
        return dict[str, str]
    if is_typeddict(hint):
        return model_of(hint)
    if origin in {Union, types.UnionType}:
        chosen = [part for part in parts if get_origin(part) is Literal and get_args(part) != ("",)]
        kept = [part for part in parts if not (chosen and part is str)]
        return Union[tuple(_strict(part) for part in kept)]  # noqa: UP007  made of parts
    if origin is list:
        return list[_strict(parts[0])]
    if origin is dict:
        return dict[str, Any] if len(parts) < 2 else dict[parts[0], _strict(parts[1])]
    return hint


def params_of(name: str) -> type[BaseModel]:
    """By the name of the type, such as ``InvoiceCreateParams`` or ``checkout.SessionCreateParams``."""
    room: Any = stripe.params
    *path, last = name.split(".")
    for part in path:
        room = getattr(room, part)
    return model_of(getattr(room, last))
