"""Makers: the shortest way for a test to have a tenant, a person with a role, or a thing. All through the front door,
but for members of other roles, whom only an invitation could bring.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from domain.access import ROLES, Principal, Role
from domain.clock import new_id
from domain.database import tenant_session
from domain.people.api_keys import ApiKeyFields, issue
from domain.people.members import Member
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Actor, Wall

_numbers = itertools.count(1)


class Caller:
    """Somebody with a credential. Its methods speak HTTP; ``get_json`` and the like also expect success."""

    def __init__(self, http: httpx.AsyncClient, api_key: str, tenant_id: UUID, member_id: UUID) -> None:
        self.http = http
        self.api_key = api_key
        self.tenant_id = tenant_id
        self.member_id = member_id

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.api_key}", **arguments.pop("headers", {})}
        return await self.http.request(method, f"/v1{path}", headers=headers, **arguments)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("GET", path, **arguments)

    async def post(self, path: str, body: Any = None, **arguments: Any) -> httpx.Response:
        return (
            await self.request("POST", path, json=body, **arguments)
            if body is not None
            else await self.request("POST", path, **arguments)
        )

    async def put(self, path: str, body: Any, **arguments: Any) -> httpx.Response:
        return await self.request("PUT", path, json=body, **arguments)

    async def patch(self, path: str, body: Any, **arguments: Any) -> httpx.Response:
        return await self.request("PATCH", path, json=body, **arguments)

    async def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("DELETE", path, **arguments)

    async def get_json(self, path: str, **arguments: Any) -> Any:
        return expect(await self.get(path, **arguments), 200)

    async def make(self, path: str, body: Any, **arguments: Any) -> dict[str, Any]:
        """POST that must answer 201."""
        return expect(await self.post(path, body, **arguments), 201)

    async def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = await self.get_json(path, params={"limit": 200, **({"after": after} if after else {})})
            items += page["data"]
            after = page["next"]
            if after is None:
                return items


def expect(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, f"{response.status_code}: {response.text[:2000]}"
    return response.json() if response.content else None


@dataclass(frozen=True)
class House:
    """The application under test, and what it takes to people it."""

    http: httpx.AsyncClient
    runtime: Runtime

    async def tenant(self, name: str = "Bright MSP") -> Caller:
        """A new tenant, as its owner."""
        number = next(_numbers)
        body = {
            "tenant_name": f"{name} {number}",
            "name": "Olivia Owner",
            "email": f"owner-{number}-{new_id().hex[-8:]}@msp.example.com",
            "password": "a long enough passphrase",
        }
        made = expect(await self.http.post("/v1/signup", json=body), 201)
        return Caller(self.http, made["api_key"], UUID(made["tenant"]["id"]), UUID(made["member_id"]))

    async def member(
        self, tenant: Caller, role: Role, *, organizations: Iterable[str] | None = None, scopes: Iterable[str] = ()
    ) -> Caller:
        """Another seat in the tenant, with its own key."""
        narrowed = None if organizations is None else list(organizations)
        async with tenant_session(self.runtime.database, Wall(tenant.tenant_id), actor=SYSTEM) as session:
            person = Person(email=f"{role.value}-{new_id().hex}@msp.example.com", name=role.value)
            session.add(person)
            await session.flush()
            member = await session.save(Member(person_id=person.id, role=role, organization_ids=narrowed))
            maker = Principal(tenant.tenant_id, Actor("member", member.id, member.id), role, ROLES[role])
            _, text = await issue(session, ApiKeyFields(name="test", scopes=list(scopes)), maker=maker, member_id=member.id)
        return Caller(self.http, text, tenant.tenant_id, member.id)

    async def organization(self, tenant: Caller, **fields: Any) -> str:
        """A client of the tenant; its id."""
        return (await tenant.make("/organizations", {"name": f"Practice {next(_numbers)}", **fields}))["id"]
