"""The contract in full: written down as it is, every name once, every operation explained, every reference at home."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import contract_of_the_program
from api.openapi import as_text
from tests.house.operations import Operation, document, each_operation, operations

WRITTEN = Path(__file__).parents[2] / "openapi" / "v1.json"
TAGS = {
    "start", "people", "organizations", "inventory", "imports", "vendors", "analysis", "findings", "work", "documents",
    "events", "webhooks", "incidents", "catalogue", "billing", "ticketing",
}  # fmt: skip


def test_the_written_contract_is_current() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == as_text(contract_of_the_program()), "run: bitewing openapi"


async def test_the_running_application_serves_the_same_contract(http: httpx.AsyncClient) -> None:
    served = (await http.get("/openapi.json")).json()
    assert served["paths"] == json.loads(json.dumps(document()["paths"]))
    assert served["components"] == json.loads(json.dumps(document()["components"]))


def test_every_operation_has_a_name_of_its_own() -> None:
    names = Counter(each.id for each in operations())
    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


@each_operation()
def test_every_operation_is_explained(operation: Operation) -> None:
    spec = operation.spec
    assert len(spec["tags"]) == 1
    assert spec["tags"][0] in TAGS
    assert spec.get("summary") or spec.get("description")
    assert "application/problem+json" in spec["responses"]["default"]["content"]
    kept = {status for status in spec["responses"] if status != "default"}
    assert kept, "what does it answer when all is well?"
    assert kept <= {"200", "201", "202", "204", "302", "303", "304"}


@each_operation()
def test_every_operation_has_the_manners_of_its_method(operation: Operation) -> None:
    headers = {each["name"] for each in operation.spec.get("parameters", ()) if each["in"] == "header"}
    assert ("Idempotency-Key" in headers) == (operation.method == "POST")
    if operation.method in {"PATCH", "DELETE"}:
        assert "If-Match" in headers
    if operation.method == "DELETE":
        assert "204" in operation.spec["responses"]
    assert {each["name"] for each in operation.spec.get("parameters", ()) if each["in"] == "path"} == set(
        operation.placeholders
    )


@each_operation("GET", having="query")
def test_every_list_is_paged_alike(operation: Operation) -> None:
    answer = operation.spec["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    shape = document()["components"]["schemas"].get(answer.get("$ref", "").rsplit("/", 1)[-1], {})
    if {"limit", "after"} <= set(operation.query):
        assert set(shape["properties"]) == {"data", "next"}
        assert set(shape["required"]) == {"data", "next"}


@each_operation("POST", "PUT", "PATCH", having="json_body")
def test_bodies_refuse_what_they_do_not_know(operation: Operation) -> None:
    assert operation.json_body is not None
    schema = operation.json_body
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for branch in schema.get("anyOf", [schema]):
        inner = document()["components"]["schemas"][branch["$ref"].rsplit("/", 1)[-1]] if "$ref" in branch else branch
        assert inner.get("additionalProperties") is False or inner.get("type") == "null"


def test_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"].keys()
    assert {name for name in references(document()) if name not in schemas} == set()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():  # pyright: ignore[reportUnknownVariableType]  JSON
            if name == "$ref":
                yield str(value).removeprefix("#/components/schemas/")  # pyright: ignore[reportUnknownArgumentType]  JSON
            else:
                yield from references(value)
    elif isinstance(part, list):
        for each in part:  # pyright: ignore[reportUnknownVariableType]  JSON
            yield from references(each)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/devices/", 404),
        ("GET", "/", 404),
        ("PUT", "/v1/devices", 405),
        ("DELETE", "/v1/organizations", 405),
        ("TRACE", "/v1/me", 405),
    ],
)
async def test_what_is_not_there_is_a_problem_too(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].startswith("https://")
    if status == 405:
        assert "GET" in answer.headers["allow"] or "POST" in answer.headers["allow"]


async def test_every_answer_carries_its_request_id(http: httpx.AsyncClient) -> None:
    mine = await http.get("/v1/me", headers={"X-Request-Id": "from-the-frontend.1"})
    assert mine.headers["x-request-id"] == mine.json()["request_id"] == "from-the-frontend.1"
    for unfit in ("two words", "x" * 129, "a\tb", "é"):
        made = await http.get("/v1/me", headers=[(b"x-request-id", unfit.encode())])
        assert made.headers["x-request-id"] == made.json()["request_id"]
        assert made.headers["x-request-id"] != unfit
