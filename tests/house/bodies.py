"""Bodies that were sent while a house was built, and the places in them that hold ids."""

from collections.abc import Iterator
from typing import Any

from tests.house.full import FullHouse, Made, is_id
from tests.house.operations import Operation


def made_by(operation: Operation, house: FullHouse) -> list[Made]:
    """Every call of this operation while the house was built."""
    found: list[Made] = []
    for each in house.owner.made:
        parts = zip(each.path.split("/"), operation.path.split("/"), strict=False)
        fits = each.path.count("/") == operation.path.count("/") and all(
            said == written or written.startswith("{") for said, written in parts
        )
        if fits and each.method == operation.method:
            found.append(each)
    return found


def ways_to_ids(body: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a body that holds an id."""
    if isinstance(body, dict):
        for name, value in body.items():  # pyright: ignore[reportUnknownVariableType]  JSON
            yield from ways_to_ids(value, (*way, str(name)))  # pyright: ignore[reportUnknownArgumentType]  JSON
    elif isinstance(body, list):
        for place, value in enumerate(body):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
            yield from ways_to_ids(value, (*way, place))
    elif isinstance(body, str) and is_id(body):
        yield way


def value_at(body: Any, way: tuple[str | int, ...]) -> Any:
    for part in way:
        body = body[part]
    return body
