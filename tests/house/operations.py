"""The contract as something to walk: every operation, how to address it, and where ids stand in what it takes.

Read from the routes without a database, so that a rule can be one test per operation with a readable name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from pytest import MarkDecorator

from api.app import contract_of_the_program

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """With its placeholders, and without ``/v1``."""
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id(self) -> str:
        return self.spec["operationId"]

    @property
    def scopes(self) -> frozenset[str]:
        """The permissions that it asks for, as the contract says."""
        return frozenset(str(scope) for each in self.spec["security"] for scope in each.get("bearer", ()))

    @property
    def behind_the_door(self) -> bool:
        return any("bearer" in each for each in self.spec["security"])

    @property
    def behind_a_link(self) -> bool:
        """Entered with a link to single topics, which no API key is."""
        return any("topic_link" in each for each in self.spec["security"])

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def is_collection(self) -> bool:
        """A path that ends in a plain word, such as ``/devices`` or ``/organizations/{organization_id}/devices``."""
        return not self.path.endswith("}")

    @property
    def query(self) -> tuple[str, ...]:
        return tuple(each["name"] for each in self.spec.get("parameters", ()) if each["in"] == "query")

    @property
    def json_body(self) -> Mapping[str, Any] | None:
        """The schema of its JSON body, if it takes one."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return next((content[kind]["schema"] for kind in content if kind.endswith("json")), None)

    @property
    def takes_forms(self) -> bool:
        return "multipart/form-data" in self.spec.get("requestBody", {}).get("content", {})

    def at(self, ids: Mapping[str, str], **instead: str) -> str:
        """The path with its ids."""
        return self.path.format_map({**ids, **instead})


@cache
def document() -> dict[str, Any]:
    return contract_of_the_program()


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), path.removeprefix("/v1"), spec)
        for path, item in document()["paths"].items()
        for method, spec in item.items()
    )


def each_operation(*methods: str, having: str | None = None) -> MarkDecorator:
    """Run a test once per operation: all of them, those with some methods, or those ``having`` a property."""
    chosen = [
        each for each in operations() if (not methods or each.method in methods) and (having is None or getattr(each, having))
    ]
    return pytest.mark.parametrize("operation", chosen, ids=str)


@dataclass(frozen=True)
class Leaf:
    """One place in a body that takes a value: the way to it, and the kinds that the contract names for it."""

    way: tuple[str | int, ...]
    schema: Mapping[str, Any]

    @property
    def pointer(self) -> str:
        return "/" + "/".join(str(part) for part in self.way)

    @property
    def name(self) -> str:
        return next((part for part in reversed(self.way) if isinstance(part, str)), "")


def leaves(schema: Mapping[str, Any], way: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """Every place in a body of this shape; lists are entered at their first item, open objects are places themselves."""
    schema = resolved(schema)
    for branch in (resolved(each) for each in schema.get("anyOf", [schema])):
        if branch.get("properties"):
            for name, inner in branch["properties"].items():
                yield from leaves(inner, (*way, name))
        elif branch.get("type") == "array":
            yield from leaves(branch["items"], (*way, 0))
        elif branch.get("type") != "null":
            yield Leaf(way, branch)


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def with_value(body: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """A copy of ``body`` with ``value`` at that place; what is missing on the way there is made."""
    if not way:
        return value
    first, *rest = way
    if isinstance(first, int):
        items: list[Any] = list(body) if isinstance(body, list) else []  # pyright: ignore[reportUnknownArgumentType]  JSON
        inner = items[first] if first < len(items) else None
        return [*items[:first], with_value(inner, tuple(rest), value), *items[first + 1 :]]
    members: dict[str, Any] = dict(body) if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownArgumentType]  JSON
    return {**members, first: with_value(members.get(first), tuple(rest), value)}
