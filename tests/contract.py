"""Holds every answer of the suite against the contract: its path, its status, its media type and its schema."""

import re
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema_rs import Draft202012Validator

UNWRITTEN = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/respond", "/quote"})
BESIDE = ("/docs/", "/screens/", "/v1/oauth/", "/.well-known/", "/v1/.well-known/")
EVERYWHERE = frozenset({400, 401, 402, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, 500, 503})
"""Problems may come from any operation; their one schema is checked below."""
NOT_UTC = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d(?::[\d.]+)?(?:[+-]\d\d:?\d\d)?"')
"""A moment that says no zone, or another than ``Z``."""
PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}


class Contract:
    """The OpenAPI document of an application, ready to be asked about answers."""

    def __init__(self, app: FastAPI) -> None:
        self.document: dict[str, Any] = app.openapi()
        self._paths = [
            (re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)) + "$"), item)
            for path, item in sorted(self.document["paths"].items(), key=lambda pair: (pair[0].count("{"), pair[0]))
        ]
        self._validators: dict[int, Draft202012Validator] = {}

    def check(self, request: httpx.Request, response: httpx.Response) -> None:
        """Raise AssertionError when the answer is not what the contract says."""
        path = request.url.path
        if path in UNWRITTEN or path.startswith(BESIDE):
            return
        item = next((item for pattern, item in self._paths if pattern.match(path)), None)
        where = f"{request.method} {path} -> {response.status_code}"
        if response.status_code in EVERYWHERE:
            self._check_problem(where, response)
            return
        assert item is not None, f"{where}: the contract has no such path"
        operation = item.get(request.method.lower())
        assert operation is not None, f"{where}: the contract has no such method"
        if response.headers.get("content-type", "").startswith("application/json"):
            assert NOT_UTC.findall(response.content) == [], f"{where}: every moment is told in UTC, with a Z"
        answer = operation["responses"].get(str(response.status_code))
        assert answer is not None, f"{where}: the contract has no such status"
        self._check_content(where, answer.get("content", {}), response)

    def _check_problem(self, where: str, response: httpx.Response) -> None:
        assert response.headers["content-type"] == "application/problem+json", where
        body = response.json()
        assert set(body) >= PROBLEM_FIELDS, where
        assert body["status"] == response.status_code, where

    def _check_content(self, where: str, content: dict[str, Any], response: httpx.Response) -> None:
        if response.status_code in {204, 303, 304}:
            assert response.content == b"", where
            return
        media_type = response.headers["content-type"].split(";")[0]
        assert media_type in content, f"{where}: the contract does not offer {media_type}"
        schema = content[media_type].get("schema")
        if schema and media_type == "application/json":
            found = self._validator(schema).iter_errors(response.json())
            errors = [f"{error.instance_path}: {error.message}" for error in found]
            assert not errors, f"{where}: {errors[:5]}"

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        if id(schema) not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[id(schema)] = Draft202012Validator(whole)
        return self._validators[id(schema)]


class Held(httpx.AsyncBaseTransport):
    """A transport that lets no answer pass that breaks the contract."""

    def __init__(self, inner: httpx.AsyncBaseTransport, contract: Contract) -> None:
        self._inner = inner
        self._contract = contract

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        await response.aread()
        if request.method != "HEAD":  # has no body to be checked, and is in no contract: it is GET
            self._contract.check(request, response)
        return response
