"""Makers: the shortest way for a test to have a tenant, a person with a role, or a thing. All through the front door,
but for members of other roles, whom only an invitation could bring.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from domain.access import ROLES, Principal, Role
from domain.clock import new_id, now
from domain.database import tenant_session
from domain.people.api_keys import ApiKeyFields, issue
from domain.people.members import Member
from domain.people.tenants import Person
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Actor, Wall

PASSWORD = "a long enough passphrase"
_numbers = itertools.count(1)


class Caller:
    """Somebody with a credential. Its methods speak HTTP; ``get_json`` and the like also expect success."""

    def __init__(self, http: httpx.AsyncClient, api_key: str, tenant_id: UUID, member_id: UUID, *, email: str = "") -> None:
        self.http = http
        self.api_key = api_key
        self.tenant_id = tenant_id
        self.member_id = member_id
        self.email = email
        """Whose password is PASSWORD; empty for a member who never chose one."""

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
            "password": PASSWORD,
        }
        made = expect(await self.http.post("/v1/signup", json=body), 201)
        return Caller(self.http, made["api_key"], UUID(made["tenant"]["id"]), UUID(made["member_id"]), email=str(body["email"]))

    async def signed_in(self, caller: Caller, **fields: Any) -> Caller:
        """The same person, with a session instead of a key."""
        body = {"email": caller.email, "password": PASSWORD, **fields}
        made = expect(await self.http.post("/v1/sessions", json=body), 201)
        return Caller(self.http, made["token"], caller.tenant_id, caller.member_id, email=caller.email)

    async def member(
        self, tenant: Caller, role: Role, *, organizations: Iterable[str] | None = None, scopes: Iterable[str] = ()
    ) -> Caller:
        """Another seat in the tenant, with its own key."""
        narrowed = None if organizations is None else [UUID(each) for each in organizations]
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


# --- one of each noun, with the fewest words; `fields` say what matters to the test ------------------------------------


def _name(what: str) -> str:
    return f"{what} {next(_numbers)}"


async def make_location(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/locations", {"name": _name("Office"), **fields})


async def make_group(by: Caller, **fields: Any) -> dict[str, Any]:
    """Of the organizations that ``fields`` list, or of none."""
    listed: dict[str, list[str]] = {} if "rule" in fields else {"organization_ids": []}
    return await by.make("/groups", {"name": _name("Group"), **listed, **fields})


async def make_device(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"name": _name("PC"), "kind": "capture_workstation", **fields}
    return await by.make(f"/organizations/{organization}/devices", body)


async def make_system(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"name": _name("Archive"), "kind": "cloud_archive", **fields}
    return await by.make(f"/organizations/{organization}/systems", body)


async def make_partner(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/partners", {"name": _name("Lab"), "kind": "lab", **fields})


async def make_flow(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/flows", {"name": _name("Images out"), **fields})


async def make_segment(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/segments", {"name": _name("VLAN"), **fields})


async def make_backup(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/backups", {"name": _name("Nightly"), **fields})


async def make_remote_access(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/remote-accesses", {"name": _name("Support tool"), **fields})


async def make_workforce_member(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/workforce", {"role": _name("Hygienist"), **fields})


async def make_policy(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/policies", {"key": f"policy_{next(_numbers)}", **fields})


async def make_incident(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"what": _name("A stolen laptop"), "discovered_on": "2026-01-05", **fields}
    return await by.make(f"/organizations/{organization}/incidents", body)


async def make_disposal(by: Caller, device: str, **fields: Any) -> dict[str, Any]:
    words = dict.fromkeys(("media_type", "verification", "performed_by"), "As seen on site.")
    return await by.make(
        f"/devices/{device}/disposal",
        {"disposed_on": "2026-01-05", "method": "destroy", "held_images": False, **words, **fields},
    )


async def make_access_request(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/access-requests", {"received_on": "2026-01-05", **fields})


async def make_document(by: Caller, organization: str, *, content: bytes = b"Kept as evidence.\n", **fields: str) -> Any:
    path = f"/organizations/{organization}/documents"
    file = {"file": ("evidence.txt", content, "text/plain")}
    return expect(await by.request("POST", path, data={"title": _name("Evidence"), **fields}, files=file), 201)


async def make_vendor(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/vendors", {"name": _name("Vendor"), **fields})


async def make_engagement(by: Caller, organization: str, vendor: str, **fields: Any) -> dict[str, Any]:
    body = {"vendor_id": vendor, "service": "cloud_archive", "maintains_phi": True, **fields}
    return await by.make(f"/organizations/{organization}/engagements", body)


async def make_baa(by: Caller, organization: str, vendor: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/baas", {"vendor_id": vendor, **fields})


async def make_column_mapping(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/column-mappings", {"name": _name("Mapping"), "columns": {"Disk": "encryption"}, **fields})


async def make_rmm_site(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    said = {"source": "csv", "company": _name("Client"), "organization_id": organization}
    return await by.make("/rmm-sites", {**said, **fields})


async def make_fleet_import(by: Caller, document: str, **fields: Any) -> dict[str, Any]:
    return expect(await by.post("/fleet-imports", {"source": "csv", "document": document, **fields}), 202)


async def make_import(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"source": "csv", "document": f"hostname\n{_name('PC').replace(' ', '-')}\n", **fields}
    return await by.make(f"/organizations/{organization}/imports", body)


async def make_assessment(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/assessments", fields)


async def sign(house: House, by: Caller, assessment: str) -> dict[str, Any]:
    """Both signatures under an analysis in which nothing is missing: the caller's, and another member's; the sealed row."""
    path = f"/assessments/{assessment}/approval"
    await by.make(path, {"role": "preparer", "name": "Ann Alyst", "title": "Analyst"})
    official = await house.member(
        by, Role.practice_admin, organizations=[(await by.get_json(f"/assessments/{assessment}"))["organization_id"]]
    )
    return await official.make(path, {"role": "security_official", "name": "Olga Fficial", "title": "Office manager"})


async def make_topic_comment(by: Caller, assessment: str, topic: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/assessments/{assessment}/topics/{topic}/comments", {"text": "Who knows this?", **fields})


async def make_topic_link(by: Caller, assessment: str, topics: list[str], **fields: Any) -> dict[str, Any]:
    ends = (now() + timedelta(days=7)).isoformat()
    body = {"label": _name("Office manager"), "topic_ids": topics, "expires_at": ends, **fields}
    return await by.make(f"/assessments/{assessment}/topic-links", body)


async def make_finding(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    """A risk written by hand."""
    words = dict.fromkeys(("subject_name", "threat", "vulnerability", "remediation", "reason"), "As seen on site.")
    body = {"title": _name("Wet server"), **words, "likelihood": "high", "impact": "moderate", **fields}
    return await by.make(f"/organizations/{organization}/findings", body)


async def make_task(by: Caller, organization: str, **fields: Any) -> dict[str, Any]:
    return await by.make(f"/organizations/{organization}/tasks", {"title": _name("Mend it"), **fields})


async def make_api_key(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/api-keys", {"name": _name("Key"), **fields})


async def make_service_account(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/service-accounts", {"name": _name("Sync"), **fields})


async def make_oauth_client(by: Caller, **fields: Any) -> dict[str, Any]:
    """A public one that comes back to https://app.example.com/callback, with two scopes."""
    body = {"name": _name("Portal"), "kind": "public", "scopes": ["devices:read", "vendors:read"]}
    return await by.make("/oauth-clients", {**body, "redirect_uris": ["https://app.example.com/callback"], **fields})


async def make_webhook_endpoint(by: Caller, **fields: Any) -> dict[str, Any]:
    return await by.make("/webhook-endpoints", {"url": "https://hooks.example.com/bitewing", **fields})


async def make_connection(by: Caller, **fields: Any) -> dict[str, Any]:
    body = {"product": "request_tracker", "base_url": "https://rt.example.com", "credentials": {"token": "1-2-3"}}
    return await by.make("/connections", {"name": _name("Desk"), **body, **fields})


async def make_rmm_connection(by: Caller, **fields: Any) -> dict[str, Any]:
    body = {
        "product": "ninjaone",
        "base_url": "https://app.ninjarmm.com",
        "credentials": {"client_id": "1", "client_secret": "2"},
    }
    return await by.make("/rmm-connections", {"name": _name("RMM"), **body, **fields})


async def make_mapping(by: Caller, connection: str, organization: str, **fields: Any) -> dict[str, Any]:
    body = {"organization_id": organization, "target": {"queue": "Practices"}, **fields}
    return await by.make(f"/connections/{connection}/mappings", body)
