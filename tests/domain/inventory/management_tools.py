"""Contract fakes of the management tools' APIs: real HTTP on the loopback interface, strict about what each maker documents
(paths, parameters, tokens, pages), and able to be busy, to forget, and to break off.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from domain.clock import new_id
from tests.domain.inventory.imports.samples import FORMATS
from tests.domain.ticketing.fakes import Request, basic

Sent = tuple[int, Mapping[str, str], bytes]
JSON = {"content-type": "application/json;charset=UTF-8"}
SECRET = "a secret, seen by nobody"


def read(name: str) -> Any:
    return json.loads((FORMATS / name).read_bytes())


def said(body: Any, status: int = 200) -> Sent:
    return status, JSON, json.dumps(body).encode()


def hung_up() -> Sent:
    raise ConnectionError


@dataclass
class Tool:
    """``instead``: by a part of the path, what to answer to the next requests there, one after the other, instead."""

    port: int = 0
    secret: str = SECRET
    devices: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: set[str] = field(default_factory=set[str])
    asked: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])
    instead: dict[str, list[Callable[[], Sent]]] = field(default_factory=dict[str, list[Callable[[], Sent]]])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Sent:
        self.asked.append(request.path + (f"?{urlencode(request.query)}" if request.query else ""))
        for part, planned in self.instead.items():
            if part in request.path and planned:
                return planned.pop(0)()
        if request.path.endswith("/oauth/token"):
            return self.sign_in(request, {name: values[0] for name, values in parse_qs(request.raw.decode()).items()})
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return said({"resultCode": "UNAUTHORIZED"}, 401)
        found = self.find(request)
        if found is None:
            if "/audit/" not in request.path:  # Not every device has one.
                self.faults.append(f"no such operation: {request.method} {request.path} {dict(request.query)}")
            return said({"resultCode": "NOT_FOUND"}, 404)
        return said(found)

    def a_token(self) -> Sent:
        token = new_id().hex
        self.tokens.add(token)
        return said({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def sign_in(self, request: Request, form: Mapping[str, str]) -> Sent:
        raise NotImplementedError

    def find(self, request: Request) -> Any:
        raise NotImplementedError


@dataclass
class FakeNinjaOne(Tool):
    """Devices name their client and site by number only, as the detailed list of some versions does."""

    devices: list[dict[str, Any]] = field(default_factory=lambda: read("ninjaone-devices.json"))
    queries: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            "volumes": read("ninjaone-volumes.json")["results"],
            "antivirus-status": read("ninjaone-antivirus.json")["results"],
            "os-patch-installs": [
                {"deviceId": 1, "status": "INSTALLED", "installedAt": 1795000000.0, "kbNumber": "KB1"},
                {"deviceId": 1, "status": "INSTALLED", "installedAt": 1794000000.0, "kbNumber": "KB2"},
                {"deviceId": 2, "status": "INSTALLED", "installedAt": 1793000000.0, "kbNumber": "KB1"},
            ],
            "os-patches": [
                {"deviceId": 1, "status": "APPROVED", "severity": "CRITICAL", "kbNumber": "KB7", "timestamp": 1795000000.0},
                {"deviceId": 2, "status": "FAILED", "severity": "OPTIONAL", "kbNumber": "KB8", "timestamp": 1795000000.0},
                {"deviceId": 1, "status": "MANUAL", "severity": "IMPORTANT", "kbNumber": "KB9", "timestamp": 1795000000.0},
            ],
        }
    )
    cursors: dict[str, int] = field(default_factory=dict[str, int])

    def sign_in(self, request: Request, form: Mapping[str, str]) -> Sent:
        asked = {"grant_type": "client_credentials", "scope": "monitoring", "client_id": "bitewing"}
        if request.path != "/ws/oauth/token" or form != {**asked, "client_secret": self.secret}:
            return said({"error": "invalid_client"}, 400)
        return self.a_token()

    def find(self, request: Request) -> Any:
        query = dict(request.query)
        if request.path == "/v2/devices-detailed":
            return _after([{**each, "references": {}} for each in self.devices], query)
        if request.path in ("/v2/organizations", "/v2/locations"):
            noun = request.path.removeprefix("/v2/").removesuffix("s")
            places = {each["references"][noun]["id"]: each["references"][noun] for each in self.devices}
            return _after([places[id] for id in sorted(places)], query)
        rows = self.queries.get(request.path.removeprefix("/v2/queries/"))
        if rows is None or query.keys() - {"pageSize", "cursor", "include", "status"}:
            return None
        if "bitLockerStatus" in rows[0] and query.get("include") != "bl":
            rows = [{name: value for name, value in row.items() if name != "bitLockerStatus"} for row in rows]
        cursor = query.get("cursor") or new_id().hex
        offset = self.cursors.get(cursor, 0)
        page = rows[offset : offset + int(query["pageSize"])]
        self.cursors[cursor] = offset + len(page)
        return {"cursor": {"name": cursor, "offset": offset, "count": len(page), "expires": 1795400000.0}, "results": page}


def _after(rows: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]] | None:
    if query.keys() - {"pageSize", "after"}:
        return None
    return [each for each in rows if each["id"] > int(query.get("after", 0))][: int(query["pageSize"])]


@dataclass
class FakeDatto(Tool):
    devices: list[dict[str, Any]] = field(default_factory=lambda: read("datto-devices.json")["devices"])
    audits: dict[str, Any] = field(default_factory=lambda: read("datto-audit.json"))
    elsewhere: str | None = None
    """The host that the first page names for the second."""
    kept_back: int = 0
    """Devices that are counted and not listed."""

    def sign_in(self, request: Request, form: Mapping[str, str]) -> Sent:
        public = request.headers.get("authorization") == basic("public-client:public")
        asked = {"grant_type": "password", "username": "bitewing", "password": self.secret}
        return self.a_token() if public and form == asked else said({"error": "unauthorized"}, 401)

    def find(self, request: Request) -> Any:
        if request.path.startswith("/api/v2/audit/device/"):
            return self.audits.get(request.path.rsplit("/", 1)[-1])
        if request.path != "/api/v2/account/devices" or set(request.query) != {"max", "page"}:
            return None
        size, number = int(request.query["max"]), int(request.query["page"])
        listed = self.devices[: len(self.devices) - self.kept_back]
        page = listed[number * size : (number + 1) * size]
        onward = None
        if (number + 1) * size < len(listed):
            onward = f"{self.elsewhere or self.url}/api/v2/account/devices?max={size}&page={number + 1}"
        details = {"count": len(page), "totalCount": len(self.devices), "prevPageUrl": None, "nextPageUrl": onward}
        return {"pageDetails": details, "devices": page}
