"""Templates that customers write for the generic connector: texts with ``{{ ... }}``, run in jinja2's sandbox.

The sandbox keeps a template from reaching anything of ours, but not from running for ever. So loops, macros, calls and the
operators that make much out of little are no part of the language here, and what comes out has a limit too.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.errors import Invalid
from domain.outbound.tools import ToolFailed, Trouble

MOST_TEMPLATE = 2_000
MOST_RESULT = 100_000
MOST_NODES = 200
FILTERS = ("default", "int", "length", "lower", "replace", "string", "trim", "truncate", "upper")
_REFUSED = (
    nodes.For, nodes.Macro, nodes.CallBlock, nodes.Call, nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends,
    nodes.Block, nodes.FilterBlock, nodes.Assign, nodes.AssignBlock, nodes.With, nodes.Mul, nodes.Pow, nodes.Mod, nodes.Getitem,
)  # fmt: skip


def _environment() -> ImmutableSandboxedEnvironment:
    # The result is a value inside JSON, which is written by a JSON library afterwards: nothing is to be escaped here.
    made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    made.filters = {name: made.filters[name] for name in FILTERS}
    made.globals.clear()
    return made


_ENVIRONMENT = _environment()


def check_template(text: str, *, at: str) -> None:
    """Invalid unless this is a template that can be run safely."""
    if len(text) > MOST_TEMPLATE:
        raise Invalid.one(at, "too_long", f"A template has at most {MOST_TEMPLATE} characters.")
    try:
        found = list(_ENVIRONMENT.parse(text).find_all(nodes.Node))
        if len(found) > MOST_NODES or any(isinstance(each, _REFUSED) for each in found):
            detail = f"Templates here insert values, choose by if, and filter by {', '.join(FILTERS)}; nothing else."
            raise Invalid.one(at, "not_allowed", detail)
        # Only now, for jinja2 works out what is constant while it compiles: a gigabyte for ``'a' * 999999999``.
        _ENVIRONMENT.from_string(text)
    except (TemplateError, RecursionError, ValueError) as error:
        raise Invalid.one(at, "not_a_template", f"This cannot be read as a template: {type(error).__name__}.") from None


@lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


def rendered(text: str, values: Mapping[str, Any]) -> str:
    try:
        result = _compiled(text).render(values)
    except Exception as error:  # a template of a customer's may fail in any way; it is theirs to mend
        raise ToolFailed(Trouble.refused, f"A template could not be filled in: {type(error).__name__}.") from None
    if len(result) > MOST_RESULT:
        raise ToolFailed(Trouble.refused, "A template came out too long.")
    return result


def rendered_json(shape: Any, values: Mapping[str, Any]) -> Any:
    """Every text of a JSON value filled in. A member whose text comes out empty is left out."""
    if isinstance(shape, str):
        return rendered(shape, values)
    if isinstance(shape, dict):
        filled = {str(name): rendered_json(value, values) for name, value in shape.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
        return {name: value for name, value in filled.items() if value != ""}
    if isinstance(shape, list):
        return [rendered_json(each, values) for each in shape]  # pyright: ignore[reportUnknownVariableType]  JSON
    return shape


def check_json(shape: Any, *, at: str) -> None:
    """Check every template inside a JSON value."""
    if isinstance(shape, str):
        check_template(shape, at=at)
    elif isinstance(shape, dict):
        for name, value in shape.items():  # pyright: ignore[reportUnknownVariableType]  JSON
            check_json(value, at=f"{at}/{name}")
    elif isinstance(shape, list):
        for place, value in enumerate(shape):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
            check_json(value, at=f"{at}/{place}")
