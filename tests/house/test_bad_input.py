"""Bad input, at every operation and every place of its body: always a clear refusal, never a 500, and what is taken can
be read again.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from domain.clock import new_id
from tests.house.full import FullHouse, Made
from tests.house.operations import Leaf, Operation, each_operation, leaves, operations, resolved, with_value
from tests.makers import expect

NO_IDS = ("nonsense", "00000000-0000-0000-0000-000000000000", "%00", "%2e%2e", "%F0%9F%A6%B7", "9" * 400)
NO_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"x"',
    "a number": b"7",
    "half an object": b'{"name": ',
    "two objects": b"{}{}",
    "bytes": b"\xff\xfe\x00",
    "too deep": b"[" * 50_000,
    "deep objects": b'{"a":' * 50_000,
}
UNWRITABLE = ("before\x00after", "half a \ud83e pair")
"""Texts that Postgres cannot hold."""
TOO_BIG = (10**30, -(10**30), 2**31, 2**63)
HOSTILE_PARAMETERS = ("%00", "a%00b", "%ED%A0%80", "", "nonsense", "9" * 40, "-1", "0001-01-01%2000:00:00%2B23:59")
"""The moment is written with a space: the audit log tells what it was asked for, and no answer tells a moment but in UTC."""
SORTS = (
    "created_at", "name", "sequence", "number", "position", "level", "due_on", "title", "role", "received_on", "key",
    "issued_on", "event_sequence", "disposed_on", "discovered_on", "email", "opened_at",
)  # fmt: skip
"""What lists are in the order of, where nobody asks for another."""
FAR_DAYS = ("0001-01-01", "9999-12-31")
FAR_MOMENTS = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z")
EDGES = {
    "date": ("1900-01-01", "2999-12-31"),
    "date-time": ("1900-01-01T00:00:00+23:59", "2999-12-31T23:59:59.999999-23:59", "2026-03-01T09:30:00.123+05:30"),
}
"""Hardly to be believed, but days and moments that can be kept: taken or refused, and the same when read again."""
HOSTILE_OBJECTS: tuple[Any, ...] = (
    {"before\x00after": 1},
    {"name": "before\x00after"},
    {"name": "half a \ud83e pair"},
    {"half a \ud83e pair": True},
    {"name": [{"deep": "\x00"}]},
)


@each_operation("GET")
async def test_an_unknown_parameter_is_refused(mine: FullHouse, operation: Operation) -> None:
    answer = await mine.owner.get(operation.at(mine.ids), params={"colour": "red"})
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("query/colour", "unknown")]


@each_operation("GET", having="query")
async def test_hostile_parameters(mine: FullHouse, operation: Operation) -> None:
    for name in operation.query:
        short = "&limit=1" if "limit" in operation.query and name != "limit" else ""
        for value in HOSTILE_PARAMETERS:
            answer = await mine.owner.get(f"{operation.at(mine.ids)}?{name}={value}{short}")
            assert answer.status_code in {200, 303, 422}, f"{name}={value}: {answer.text}"


@each_operation("GET", having="query")
async def test_cursors_that_no_page_gave_out(mine: FullHouse, operation: Operation) -> None:
    if "after" in operation.query:
        for cursor in forged_cursors(await order_of(mine, operation)):
            answer = await mine.owner.get(operation.at(mine.ids), params={"after": cursor, "limit": 1})
            assert answer.status_code in {200, 422}, f"{cursor}: {answer.text}"


def forged_cursors(order: str) -> Iterator[str]:
    """Texts that are none, and well-formed ones that say what no page would."""
    yield from ("nonsense", "%%%", "é", "=", "W10")
    some_id = str(new_id())
    said: list[Any] = [[], {}, 1, None, "a\x00b", "\ud800", some_id, ["name", "x"], ["name", "x", some_id]]
    said += [[order, value, some_id] for value in ("a\x00b", 10**40, -1, None, "0001-01-01T00:00:00+23:59")]
    said.append([order, "x", "no id"])
    yield from map(as_cursor, said)


def as_cursor(said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


async def order_of(mine: FullHouse, operation: Operation) -> str:
    """What the cursors of this list begin with: no other is read any further."""
    out = resolved(operation.spec["responses"]["200"]["content"]["application/json"]["schema"])["properties"]["data"]["items"]
    for sort in SORTS:
        order = f"{out['$ref'].rsplit('/', 1)[-1]}.{sort}"
        cursor = as_cursor([order, [], str(new_id())])
        answer = await mine.owner.get(operation.at(mine.ids), params={"after": cursor, "limit": 1})
        if answer.status_code == 200 or answer.json()["errors"][0]["code"] != "other_order":
            return order  # 200: some lists are short and always whole
    raise AssertionError("this list is in an order that SORTS does not know")


@pytest.mark.parametrize(
    ("header", "value", "statuses"),
    [
        (b"authorization", b"Bearer \xff\xfe", {401}),
        (b"authorization", b"Bearer", {401}),
        (b"authorization", b"Bearer " + b"x" * 60_000, {401}),
        (b"idempotency-key", b"", {422}),
        (b"idempotency-key", b"x" * 256, {422}),
        (b"idempotency-key", b"a\tb", {422}),
        (b"idempotency-key", b"\xff", {201, 422}),
        (b"if-match", b'W/"1", nonsense', {412}),
        (b"if-match", b"\xff", {412}),
        (b"accept", b"image/klingon;q=x", {200, 201, 406}),
        (b"accept-language", b"\xff", {200, 201}),
        (b"x-request-id", b"\xff" * 300, {200, 201}),
        (b"user-agent", b"\xff" * 5000, {200, 201}),
        (b"content-length", b"many", {200, 201, 400}),
        (b"content-length", b"-5", {200, 201, 400}),
        (b"content-length", b"99999999999999999999", {413}),
        (b"content-type", b"application/json; charset=\xff", {200, 201, 400, 415, 422}),
    ],
)
async def test_hostile_headers(mine: FullHouse, header: bytes, value: bytes, statuses: set[int]) -> None:
    calls: list[tuple[str, str, dict[str, str]]]
    if header == b"if-match":
        calls = [("PATCH", f"/vendors/{mine.ids['vendor_id']}", {})]
    elif header == b"idempotency-key":
        calls = [("POST", "/vendors", {"name": "x"})]
    else:
        calls = [
            ("POST", "/vendors", {"name": "x"}),
            ("PATCH", f"/vendors/{mine.ids['vendor_id']}", {}),
            ("GET", "/vendors", {}),
        ]
    for method, path, body in calls:
        given = {
            b"authorization": f"Bearer {mine.owner.key_for(path)}".encode(),
            b"content-type": b"application/json",
            header: value,
        }
        answer = await mine.owner.http.request(method, f"/v1{path}", headers=list(given.items()), content=json.dumps(body))
        assert answer.status_code in statuses, f"{method}: {answer.status_code} {answer.text}"


@each_operation(having="placeholders")
async def test_malformed_ids_are_ids_of_nothing(mine: FullHouse, operation: Operation) -> None:
    for name in operation.placeholders:
        for no_id in NO_IDS:
            body: dict[str, Any] = {"json": valid_body_of(operation, mine)} if operation.json_body is not None else {}
            answer = await mine.owner.request(operation.method, operation.at(mine.ids, **{name: no_id}), **body)
            assert answer.status_code == 404, f"{name}={no_id}: {answer.text}"


@each_operation("POST", "PUT", "PATCH", having="json_body")
async def test_bodies_that_are_none(http: httpx.AsyncClient, mine: FullHouse, operation: Operation) -> None:
    may_say_nothing = not operation.spec["requestBody"].get("required")
    for what, content in NO_BODIES.items():
        if may_say_nothing and what in {"nothing", "null"}:
            continue
        answer = await send_raw(http, mine, operation, content)
        assert answer.status_code in {400, 422}, f"{what}: {answer.text}"


@each_operation("POST", "PUT", "PATCH", having="json_body")
async def test_bodies_in_another_language(http: httpx.AsyncClient, mine: FullHouse, operation: Operation) -> None:
    content = json.dumps(valid_body_of(operation, mine)).encode("utf-16")
    answer = await send_raw(http, mine, operation, content)
    assert answer.status_code in {200, 201, 202, 400, 409, 422}, answer.text
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/html; charset=klingon",
    ):
        answer = await send_raw(http, mine, operation, b"name=x", content_type=content_type)
        assert answer.status_code == 415 or operation.takes_forms, f"{content_type}: {answer.text}"


@each_operation("POST", "PUT", "PATCH", having="json_body")
async def test_unknown_fields_are_refused(mine: FullHouse, operation: Operation) -> None:
    body = {**valid_body_of(operation, mine), "colour": "red"}
    answer = await mine.owner.request(operation.method, operation.at(mine.ids), json=body)
    assert answer.status_code == 422
    assert ("/colour", "unknown") in {(each["pointer"], each["code"]) for each in answer.json()["errors"]}


@each_operation("POST", "PUT", "PATCH", having="json_body")
async def test_hostile_values_at_every_place(http: httpx.AsyncClient, mine: FullHouse, operation: Operation) -> None:
    assert operation.json_body is not None
    body = valid_body_of(operation, mine)
    for leaf in leaves(operation.json_body):
        for value, may_pass in hostile(leaf):
            content = json.dumps(with_value(body, leaf.way, value)).encode()
            answer = await send_raw(http, mine, operation, content)
            where = f"{leaf.pointer} = {value!r}: {answer.text[:500]}"
            assert answer.status_code < 500, where
            if not may_pass:
                assert answer.status_code == 422, where
            if answer.status_code < 300:
                await can_be_read_again(mine, operation, answer, where)


async def can_be_read_again(mine: FullHouse, operation: Operation, answer: httpx.Response, where: str) -> None:
    """What was taken poisons neither its own page nor the list that it stands in, and says the same in both."""
    said = answer.json()
    if operation.method == "PATCH":
        assert same(expect(await mine.owner.get(operation.at(mine.ids)), 200), said), where
    lists = (each for each in operations() if each.method == "GET" and each.path == operation.path and "limit" in each.query)
    for listing in lists if operation.method == "POST" else ():
        listed = expect(await mine.owner.get(listing.at(mine.ids), params={"limit": 200}), 200)["data"]
        shown = [each for each in listed if each["id"] == said["id"]]
        assert all(same(each, said) for each in shown), where


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal in all that both say. Moments may be written with or without a fraction of nought."""
    written = [json.dumps({name: each[name] for name in one.keys() & other.keys()}, sort_keys=True) for each in (one, other)]
    return len({each.replace(".000000Z", "Z") for each in written}) == 1


def hostile(leaf: Leaf) -> Iterator[tuple[Any, bool]]:
    """Values that do not belong at a place, and whether they may be taken all the same."""
    kind, form = leaf.schema.get("type"), leaf.schema.get("format")
    if kind is None:
        anything: tuple[Any, ...] = (*UNWRITABLE, *HOSTILE_OBJECTS, 10**400, [])
        yield from ((each, True) for each in anything)
    if kind == "string":
        yield from ((text, False) for text in UNWRITABLE)
        yield "x" * 100_000, "enum" not in leaf.schema and form is None and "maxLength" not in leaf.schema
        yield {"a": 1}, False
    if form == "date":
        yield from ((day, False) for day in FAR_DAYS)
    if form == "date-time":
        yield from ((moment, False) for moment in (*FAR_MOMENTS, "2026-03-01T09:30:00", 10**20))
    yield from ((each, True) for each in EDGES.get(form or "", ()))
    if kind in {"integer", "number"}:
        yield from ((number, False) for number in TOO_BIG)
        yield from ((text, False) for text in ("x", "1e400"))
    if kind == "object":
        yield from ((each, False) for each in HOSTILE_OBJECTS)
        yield [], False
        yield {"name": 10**400}, True
    if kind == "boolean":
        yield "perhaps", False


def valid_body_of(operation: Operation, house: FullHouse) -> dict[str, Any]:
    """What the house was made with at this path, with fresh words where two may not be alike; ``{}`` for a PATCH."""
    if operation.method == "PATCH":
        return {}
    made = made_at(operation, house)
    return {} if made is None else house.renewed(made.body or {})


def made_at(operation: Operation, house: FullHouse) -> Made | None:
    path = operation.at(house.ids)
    return next((each for each in reversed(house.owner.made) if (each.method, each.path) == (operation.method, path)), None)


async def send_raw(
    http: httpx.AsyncClient, house: FullHouse, operation: Operation, content: bytes, content_type: str = "application/json"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {house.owner.key_for(operation.path)}", "Content-Type": content_type}
    return await http.request(operation.method, f"/v1{operation.at(house.ids)}", content=content, headers=headers)
