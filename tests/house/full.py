"""A full house: a tenant with one row of each noun, every reference between them filled, and a record of how it was made.

Two houses are built by the same steps, so each id of one has its counterpart in the other: what a stranger would try.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from billing.bookkeeping import close_day
from domain.audit_exports import write_export
from domain.clock import new_id, today
from domain.database import tenant_session
from domain.people.oauth_clients import OAuthClient
from domain.people.oauth_exchanges import Issued, redeem
from domain.people.oauth_grants import agree
from domain.tenancy import SYSTEM, Wall
from tests.mailbox import letters_to, token_in
from tests.makers import (
    PASSWORD,
    Caller,
    House,
    expect,
    make_access_request,
    make_api_key,
    make_assessment,
    make_baa,
    make_backup,
    make_column_mapping,
    make_connection,
    make_device,
    make_disposal,
    make_document,
    make_engagement,
    make_finding,
    make_fleet_import,
    make_flow,
    make_group,
    make_import,
    make_incident,
    make_location,
    make_mapping,
    make_oauth_client,
    make_partner,
    make_policy,
    make_remote_access,
    make_rmm_connection,
    make_rmm_site,
    make_segment,
    make_service_account,
    make_system,
    make_task,
    make_topic_comment,
    make_topic_link,
    make_vendor,
    make_webhook_endpoint,
    make_workforce_member,
)


@dataclass(frozen=True)
class Made:
    """One call that made or changed something: where, with what, and what came of it."""

    method: str
    path: str
    body: Any
    answer: Any


class Recorder(Caller):
    """A caller who keeps a record of what it made."""

    def __init__(self, owner: Caller) -> None:
        super().__init__(owner.http, owner.api_key, owner.tenant_id, owner.member_id, email=owner.email)
        self.made: list[Made] = []
        self.link_token = ""
        self.recording = True

    def key_for(self, path: str) -> str:
        """The credential for a path: what a respondent does is done with a link."""
        return self.link_token if path.startswith("/respondent/") else self.api_key

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        arguments["headers"] = {"Authorization": f"Bearer {self.key_for(path)}", **arguments.pop("headers", {})}
        response = await super().request(method, path, **arguments)
        if self.recording and method in {"POST", "PUT"} and response.status_code < 300:
            self.made.append(Made(method, path, arguments.get("json"), response.json()))
        return response


@dataclass
class FullHouse:
    """A tenant in which every list has something to show."""

    owner: Recorder
    mark: str
    """A word in everything that was typed here, so that a leak of text is seen as well as one of ids."""
    other_organization: str = ""
    """A second client, with nothing in it."""
    ids: dict[str, str] = field(default_factory=dict[str, str])
    """By the placeholder of a path: ``device_id`` -> the id of the device."""

    @property
    def organization(self) -> str:
        return self.ids["organization_id"]

    @property
    def organization_id(self) -> UUID:
        return UUID(self.organization)

    def renewed(self, body: Any) -> Any:
        """The same words with another mark, where no two things may have the same."""
        return json.loads(json.dumps(body).replace(self.mark, f"again{new_id().hex[-12:]}"))

    def counterparts(self, other: "FullHouse") -> dict[str, str]:
        """For each id that came up while this house was built, the id at the same place in the other."""
        steps = zip(self.owner.made, other.owner.made, strict=True)
        pairs = [pair for mine, theirs in steps for pair in zip(_ids(mine.answer), _ids(theirs.answer), strict=False)]
        return {**dict(pairs), str(self.owner.member_id): str(other.owner.member_id)}


def _ids(answer: Any) -> Iterator[str]:
    """The ids in an answer, in order."""
    if isinstance(answer, Mapping):
        for _, value in sorted(answer.items(), key=str):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType]  JSON
            yield from _ids(value)
    elif isinstance(answer, list):
        for each in answer:  # pyright: ignore[reportUnknownVariableType]  JSON
            yield from _ids(each)
    elif isinstance(answer, str) and is_id(answer):
        yield answer


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


async def build(house: House, mark: str) -> FullHouse:
    """Make one of everything, in the order in which things need each other."""
    owner = Recorder(await house.tenant(f"Tenant {mark}"))
    full = FullHouse(owner, mark)
    ids = full.ids
    ids["organization_id"] = practice = await house.organization(owner, name=f"Practice {mark}")
    full.other_organization = await house.organization(owner, name="Another client")
    ids["vendor_id"] = vendor = (await make_vendor(owner, name=f"Vendor {mark}"))["id"]
    ids["group_id"] = (await make_group(owner, name=f"Group {mark}", organization_ids=[practice]))["id"]
    ids["location_id"] = location = (await make_location(owner, practice, name=f"Office {mark}"))["id"]
    ids["document_id"] = document = (await make_document(owner, practice, title=f"Evidence {mark}"))["id"]
    await _inventory(full, practice=practice, vendor=vendor, location=location, document=document)
    await _agreements(full, practice=practice, vendor=vendor, document=document)
    await _analysis(full, practice=practice, document=document)
    await _money(house, full, practice=practice)
    await _account(house, full)
    await _people(house, full)
    owner.recording = False
    return full


async def _inventory(full: FullHouse, *, practice: str, vendor: str, location: str, document: str) -> None:
    by, mark, ids = full.owner, full.mark, full.ids
    system = (await make_system(by, practice, name=f"Archive {mark}", location_id=location, vendor_id=vendor))["id"]
    facts = {"login_mode": "shared", "vendor": vendor}
    device = (await make_device(by, practice, name=f"PC {mark}", location_id=location, facts=facts))["id"]
    sensor = {"name": f"Sensor {mark}", "kind": "intraoral_sensor", "facts": {"host": device}}
    await make_device(by, practice, **sensor)
    partner = (await make_partner(by, practice, name=f"Lab {mark}"))["id"]
    ends = {"device": device, "system": system, "partner": partner, "vendor": vendor}
    for kind, end in ends.items():
        flow: dict[str, Any] = {"name": f"From {kind} {mark}", "vendor_id": vendor, "source": {"kind": kind, "id": end}}
        flow["destination"] = {"kind": "system", "id": system} if kind != "system" else {"kind": "device", "id": device}
        ids["flow_id"] = (await make_flow(by, practice, **flow))["id"]
    ids["device_id"], ids["system_id"], ids["partner_id"] = device, system, partner
    ids["segment_id"] = (await make_segment(by, practice, name=f"VLAN {mark}", location_id=location))["id"]
    covers = [device, system]
    await make_backup(by, practice, name=f"To the cloud {mark}", target_system_id=system, covers=covers)
    backup = {"name": f"Nightly {mark}", "target_device_id": device, "covers": covers}
    ids["backup_id"] = (await make_backup(by, practice, **backup))["id"]
    way = {"name": f"Support {mark}", "vendor_id": vendor, "targets": [device, system]}
    ids["remote_access_id"] = (await make_remote_access(by, practice, **way))["id"]
    person = {"role": f"Hygienist {mark}", "accounts": [{"asset_id": device, "enabled": True}]}
    ids["workforce_member_id"] = (await make_workforce_member(by, practice, **person))["id"]
    policy = {"key": f"policy_{mark}", "title": f"Policy {mark}", "document_id": document}
    ids["policy_id"] = (await make_policy(by, practice, **policy))["id"]
    incident = {"what": f"A stolen laptop {mark}", "asset_ids": [device]}
    ids["incident_id"] = (await make_incident(by, practice, **incident))["id"]
    ids["access_request_id"] = (await make_access_request(by, practice, format=f"A disc {mark}"))["id"]
    old = (await make_device(by, practice, name=f"Old PC {mark}"))["id"]
    gone = {"certificate_id": document, "vendor_id": vendor, "tool": f"Shredder {mark}"}
    ids["disposal_id"] = (await make_disposal(by, old, **gone))["id"]
    table = f"hostname,serial\nPC-{mark},S{mark}\n"
    ids["import_id"] = (await make_import(by, practice, document=table))["id"]
    said = {"name": f"Chair {mark}", "hostname": f"chair-{mark}", "encryption_at_rest": "volume"}
    software = [{"name": "MicroDicom", "version": "2024.03"}]
    chair = (await make_device(by, practice, facts={"software": software}, **said))["id"]
    await by.make(f"/organizations/{practice}/known-issues", {"issue_id": "ICSMA-25-037-01", "asset_id": chair})
    await make_import(by, practice, document=f"hostname,encryption\nchair-{mark},off\n")
    [review] = (await by.get_json(f"/organizations/{practice}/reviews"))["data"]
    ids["review_id"] = review["id"]
    confirmed = {"subject_type": "device", "subject_id": chair, "facts": ["encryption_at_rest"]}
    await by.make(f"/organizations/{practice}/fact-confirmations", confirmed)
    ids["column_mapping_id"] = mapping = (await make_column_mapping(by, name=f"Columns {mark}"))["id"]
    mapped = {"source": "csv", "document": table, "mapping_id": mapping}
    await by.make(f"/organizations/{practice}/imports", mapped)
    site = {"company": f"Client {mark}", "location_id": location}
    ids["rmm_site_id"] = (await make_rmm_site(by, practice, **site))["id"]
    fleet = f"hostname,company\nPC-{mark},Client {mark}\n"
    ids["fleet_import_id"] = (await make_fleet_import(by, fleet, mapping_id=mapping))["id"]
    ids["rmm_connection_id"] = connection = (await make_rmm_connection(by, name=f"Tool {mark}"))["id"]
    ids["rmm_run_id"] = expect(await by.post(f"/rmm-connections/{connection}/runs"), 202)["id"]
    # Off again, so that no later test's worker goes looking for what is not there.
    expect(await by.patch(f"/rmm-connections/{connection}", {"enabled": False}), 200)


async def _agreements(full: FullHouse, *, practice: str, vendor: str, document: str) -> None:
    by, mark = full.owner, full.mark
    engagement = await make_engagement(by, practice, vendor, service=f"archive {mark}")
    full.ids["engagement_id"] = engagement["id"]
    baa = await make_baa(by, practice, vendor, document_id=document)
    signers = [{"party": party, "name": f"Signer {mark}"} for party in ("covered_entity", "business_associate")]
    signature = {"signed_on": today().isoformat(), "signers": signers, "document_id": document}
    await by.make(f"/baas/{baa['id']}/signature", signature)
    full.ids["baa_id"] = baa["id"]
    await make_baa(by, practice, vendor, document_id=document, renews_id=baa["id"])


async def _analysis(full: FullHouse, *, practice: str, document: str) -> None:
    by, mark = full.owner, full.mark
    assessment = (await make_assessment(by, practice, scope=f"All of {mark}"))["id"]
    topic = (await by.get_json(f"/assessments/{assessment}/topics", params={"limit": 1}))["data"][0]
    answer = {"state": topic["allowed_states"][0], "note": f"Seen {mark}", "evidence": [{"document_id": document}]}
    expect(await by.put(f"/assessments/{assessment}/answers/{topic['id']}", answer), 200)
    await by.make(f"/assessments/{assessment}/evaluation", {})
    asked = {"topic_ids": [topic["id"]], "assignee_id": str(by.member_id)}
    await by.make(f"/assessments/{assessment}/assignments", asked)
    await make_topic_comment(by, assessment, topic["id"], text=f"Ask the front desk {mark}")
    link = await make_topic_link(by, assessment, [topic["id"]], label=f"Manager {mark}")
    full.ids["topic_link_id"], by.link_token = link["id"], link["token"]
    expect(await by.put(f"/respondent/answers/{topic['id']}", {"state": answer["state"], "note": f"Asked {mark}"}), 200)
    await by.make(f"/respondent/topics/{topic['id']}/comments", {"text": f"Who keeps it? {mark}"})
    expect(await by.post("/evaluations", {"organization_ids": [practice]}), 202)
    full.ids["assessment_id"], full.ids["topic_id"] = assessment, topic["id"]
    subject = {"subject_type": "device", "subject_id": full.ids["device_id"], "subject_name": None}
    finding = (await make_finding(by, practice, title=f"Wet server {mark}", **subject))["id"]
    task = {
        "title": f"Mend the roof {mark}",
        "finding_ids": [finding],
        "assignee_id": str(by.member_id),
        "evidence": [{"document_id": document}],
    }
    full.ids["task_id"] = (await make_task(by, practice, **task))["id"]
    done = (await by.make(f"/findings/{finding}/tasks", {**task, "title": f"Move the server {mark}"}))["id"]
    await by.make(f"/findings/{finding}/decision", {"kind": "reduce", "reason": f"Seen {mark}"})
    await by.make(f"/tasks/{full.ids['task_id']}/comments", {"text": f"Begun {mark}"})
    everywhere = {"title": f"Own logins {mark}", "rule_id": "CAP-01", "organization_ids": [practice]}
    await by.make("/campaigns", {**everywhere, "assignee_id": str(by.member_id)})
    await by.make(f"/organizations/{practice}/duties", {"keys": ["backup_test"], "assignee_id": str(by.member_id)})
    await by.make(f"/tasks/{done}/completion", {"evidence": [{"document_id": document}]})
    full.ids["finding_id"] = finding


async def _money(house: House, full: FullHouse, *, practice: str) -> None:
    """Subscribed, and the books brought to a day after the trial, so that there is an invoice."""
    by = full.owner
    await by.make(f"/organizations/{practice}/subscription", {"locations": 2})
    async with tenant_session(house.runtime.database, Wall(by.tenant_id), actor=SYSTEM) as session:
        await close_day(session, on=today() + timedelta(days=20))
    said = {"organization_id": practice, "locations": 3, "years": 2, "note": f"As agreed {full.mark}"}
    quote = (await by.make("/quotes", {**said, "recipient_email": "owner@practice.example.com"}))["id"]
    await by.make(f"/quotes/{quote}/finalization", None)
    sent = await by.make(f"/quotes/{quote}/sending", None)
    full.ids["quote_id"] = quote
    token = sent["url"].split(".")[-1]
    expect(await by.post(f"/quotes/{quote}/offer", {"token": token}), 200)
    await by.make(f"/quotes/{quote}/acceptance", {"token": token, "name": "Ada", "title": "Owner"})
    other = (await by.make("/quotes", {**said, "recipient_email": "owner@practice.example.com"}))["id"]
    await by.make(f"/quotes/{other}/finalization", None)
    no = {"token": (await by.make(f"/quotes/{other}/sending", None))["url"].split(".")[-1], "name": "Ada"}
    await by.make(f"/quotes/{other}/decline", no)
    # The first one cannot be declined as well, but the walks go to it and must know how that is said.
    by.made.append(Made("POST", f"/quotes/{quote}/decline", {"token": token, "name": "Ada"}, {}))
    # Without Stripe there is no page; the walks must know how one is asked for.
    back = {"return_url": "https://msp.example.com"}
    pages = {"success_url": "https://msp.example.com/ok", "cancel_url": "https://msp.example.com/no"}
    for path, asked in (("/billing/portal-sessions", back), ("/billing/checkout-sessions", pages)):
        problem = expect(await by.post(path, {"organization_id": practice, **asked}), 409)
        by.made.append(Made("POST", path, {"organization_id": practice, **asked}, problem))
    full.ids["invoice_id"] = (await by.get_json("/invoices"))["data"][0]["id"]
    offered = await by.make("/transfers", None)
    full.ids["transfer_id"] = transfer = offered["transfer"]["id"]
    # Nobody has used the code, and a tenant hands nothing over to itself; the walks must know how all that is said.
    by.made.append(Made("POST", f"/organizations/{practice}/transfer", {"code": offered["code"], "reason": "Sold"}, {}))
    by.made.append(Made("POST", f"/transfers/{transfer}/acceptance", {"paid_by": "msp"}, {}))
    by.made.append(Made("POST", f"/transfers/{transfer}/refusal", None, {}))


async def _account(house: House, full: FullHouse) -> None:
    by, mark = full.owner, full.mark
    group = (await make_group(by, name=f"Ours {mark}", organization_ids=[full.organization]))["id"]
    narrowed = {"organization_ids": [full.organization], "group_ids": [group]}
    full.ids["api_key_id"] = (await make_api_key(by, name=f"Key {mark}", **narrowed))["id"]
    account = (await make_service_account(by, name=f"Sync {mark}", scopes=["devices:read"], **narrowed))["id"]
    await by.make(f"/service-accounts/{account}/api-keys", {"name": f"Sync key {mark}", **narrowed})
    full.ids["service_account_id"] = account
    await _applications(house, full, narrowed)
    credentials = {"email": by.email, "password": PASSWORD, "tenant_id": str(by.tenant_id)}
    signed_in = await by.make("/sessions", credentials)
    full.ids["member_id"] = str(by.member_id)
    full.ids["mfa_factor_id"] = str(new_id())
    full.ids["session_id"] = signed_in["session"]["id"]
    full.ids["audit_export_id"] = export = expect(await by.post("/audit-log/exports", {}), 202)["id"]
    await write_export(house.runtime, {"tenant_id": str(by.tenant_id), "export_id": export})
    # Off, so that not every change of every walk becomes a delivery that a later test's worker would try.
    only = {"organization_ids": [full.organization], "group_ids": [full.ids["group_id"]], "headers": {"X-Team": mark}}
    endpoint = (await make_webhook_endpoint(by, url=f"https://hooks.example.com/{mark}", enabled=False, **only))["id"]
    delivery = expect(await by.post(f"/webhook-endpoints/{endpoint}/test"), 202)
    full.ids["webhook_endpoint_id"], full.ids["delivery_id"] = endpoint, delivery["id"]
    await _ticketing(full)
    await _sign_in_provider(full)


async def _sign_in_provider(full: FullHouse) -> None:
    """Nobody is there: what a provider does with a browser is another test's."""
    by, seat = full.owner, {"role": "technician", "organization_ids": [full.organization], "group_ids": [full.ids["group_id"]]}
    said = {"issuer": "https://idp.invalid", "client_id": f"client {full.mark}", "client_secret": f"secret {full.mark}"}
    seats = {"default_seat": seat, "role_mappings": [{"group": f"Desk {full.mark}", **seat}], "groups_claim": "groups"}
    connection = await by.make("/sso-connections", {"name": f"Provider {full.mark}", **said, **seats})
    full.ids["sso_connection_id"] = connection["id"]
    full.ids["sso_domain_id"] = (await by.make("/sso-domains", {"domain": f"{full.mark}.example"}))["id"]


async def _applications(house: House, full: FullHouse, narrowed: dict[str, list[str]]) -> None:
    """An application of a partner, and a member who has let it act for them."""
    by, mark = full.owner, full.mark
    made = await make_oauth_client(by, name=f"Portal {mark}", kind="confidential", client_credentials=True, **narrowed)
    full.ids["oauth_client_id"] = made["id"]
    await by.make(f"/oauth-clients/{made['id']}/secret-rotation", {"overlap_seconds": 0})
    await by.make(f"/oauth-clients/{made['id']}/sponsorship", None)
    async with tenant_session(house.runtime.database, Wall(by.tenant_id), actor=SYSTEM) as session:
        client = await session.fetch(OAuthClient, UUID(made["id"]))
        said: dict[str, Any] = {"scopes": made["scopes"], "redirect_uri": made["redirect_uris"][0]}
        code = await agree(session, client, member_id=by.member_id, challenge=f"Challenge {mark}", **said)
        issued = await redeem(session, client, code=code, redirect_uri=None, challenge=f"Challenge {mark}")
        assert isinstance(issued, Issued)
    full.ids["oauth_grant_id"] = (await by.get_json("/me/oauth-grants"))["data"][0]["id"]


async def _ticketing(full: FullHouse) -> None:
    """Two desks, because a task has one ticket in each."""
    by, ids = full.owner, full.ids
    for path in (f"/tasks/{ids['task_id']}/tickets", f"/findings/{ids['finding_id']}/tickets"):
        ids["connection_id"] = connection = (await make_connection(by, name=f"Desk {full.mark}"))["id"]
        target = {"queue": f"Queue {full.mark}"}
        ids["mapping_id"] = (await make_mapping(by, connection, full.organization, target=target))["id"]
        ids["ticket_id"] = (await by.make(path, {"connection_id": connection}))["id"]
        expect(await by.post(f"/connections/{connection}/test", {"organization_id": full.organization}), 202)
        # Off again, so that no later test's worker goes looking for what is not there.
        expect(await by.patch(f"/connections/{connection}", {"enabled": False}), 200)


async def _people(house: House, full: FullHouse) -> None:
    """One invitation that was accepted."""
    by, mark = full.owner, full.mark
    seat = {"role": "practice_admin", "organization_ids": [full.organization], "group_ids": [full.ids["group_id"]]}
    invited = await by.make("/invitations", {**seat, "email": f"{mark}@practice.example.com"})
    full.ids["invitation_id"] = invited["id"]
    [letter] = await letters_to(house.runtime, invited["email"], tenant_id=by.tenant_id)
    acceptance = {"token": token_in(letter), "name": f"Pat {mark}", "password": PASSWORD}
    await by.make(f"/invitations/{invited['id']}/acceptance", acceptance)
