"""Webhook endpoints over HTTP: registered with a secret shown once, refused when they lead where they must not."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from domain.access import Role
from domain.outbound import endpoints
from tests.makers import House, expect

URL = "https://hooks.example.com/bitewing"
NOBODYS = "01a1f0c6-3a00-7c4e-9d52-6d1f0a5b7c01"


async def test_an_endpoint_lives(house: House) -> None:
    msp = await house.tenant()
    made = await msp.make("/webhook-endpoints", {"url": URL, "event_types": ["finding.*", "device.created", "finding.*"]})
    assert made["secret"].startswith("whsec_")
    assert made["event_types"] == ["finding.*", "device.created"]
    read = await msp.get(f"/webhook-endpoints/{made['id']}")
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    assert await msp.all("/webhook-endpoints") == [read.json()]

    patch: dict[str, Any] = {"event_types": [], "description": "Ticketing"}
    changed = await msp.patch(f"/webhook-endpoints/{made['id']}", patch, headers={"If-Match": read.headers["etag"]})
    assert expect(changed, 200)["event_types"] == []
    assert (await msp.patch(f"/webhook-endpoints/{made['id']}", patch, headers={"If-Match": '"1"'})).status_code == 412
    same = await msp.patch(f"/webhook-endpoints/{made['id']}", patch)
    assert same.headers["etag"] == changed.headers["etag"], "nothing changed, nothing happened"

    assert (await msp.delete(f"/webhook-endpoints/{made['id']}")).status_code == 204
    assert await msp.all("/webhook-endpoints") == []
    for act, body in (("test", None), ("secret-rotation", {}), ("recovery", {"since": "2026-01-01T00:00:00Z"})):
        assert (await msp.post(f"/webhook-endpoints/{made['id']}/{act}", body)).status_code == 409
    kinds = [each["kind"] for each in await msp.all("/events") if each["kind"].startswith("webhook_endpoint")]
    assert kinds == ["webhook_endpoint.created", "webhook_endpoint.updated", "webhook_endpoint.archived"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"url": "https://10.0.0.1/hooks"}, "/url", "address_not_allowed"),
        ({"url": "https://[::ffff:10.0.0.1]/hooks"}, "/url", "address_not_allowed"),
        ({"url": "https://me:pass@hooks.example.com/"}, "/url", "userinfo_not_allowed"),
        ({"url": "ftp://hooks.example.com/"}, "/url", "scheme_not_allowed"),
        ({"url": "nonsense"}, "/url", "scheme_not_allowed"),
        ({"url": URL, "event_types": ["device.created", "device.exploded"]}, "/event_types/1", "unknown_event_type"),
        ({"url": URL, "event_types": ["*"]}, "/event_types/0", "unknown_event_type"),
        ({"url": URL, "event_types": ["unicorn.*"]}, "/event_types/0", "unknown_event_type"),
        ({"url": URL, "event_types": ["device.*"] * 201}, "/event_types", "too_long"),
        ({"url": URL, "description": "for the patient, DOB 03/04/1961"}, "/description", "looks_like_patient_identifier"),
        ({"url": URL, "secret": "whsec_mine"}, "/secret", "unknown"),
        ({"url": URL, "organization_ids": [NOBODYS]}, "/organization_ids/0", "unknown_reference"),
        ({"url": URL, "group_ids": [NOBODYS]}, "/group_ids/0", "unknown_reference"),
        ({"url": URL, "condition": "event.kind =="}, "/condition", "not_cel"),
        ({"url": URL, "condition": "true"}, "/condition", "not_about_events"),
        ({"url": URL, "condition": "event.level == 'high'"}, "/condition", "unknown_field"),
        ({"url": URL, "condition": "event.subject.name == 'x'"}, "/condition", "unknown_field"),
        ({"url": URL, "condition": "event.kind"}, "/condition", "not_a_condition"),
        ({"url": URL, "condition": "event.changed" + ".map(n, n)" * 3 + " == []"}, "/condition", "too_many_walks"),
        ({"url": URL, "condition": "(" * 11 + "event.sequence" + ")" * 11 + " > 1"}, "/condition", "nested_too_deeply"),
        ({"url": URL, "at_once": 0}, "/at_once", "greater_than_equal"),
        ({"url": URL, "throttle_per_second": 0}, "/throttle_per_second", "greater_than_equal"),
        ({"url": URL, "signature": "v2"}, "/signature", "enum"),
        ({"url": URL, "headers": {"X-A": "b"} | {f"X-{n}": "x" for n in range(10)}}, "/headers", "too_long"),
        *(
            ({"url": URL, "headers": {name: "x"}}, f"/headers/{name}", "header_not_allowed")
            for name in ("Host", "Content-Type", "Webhook-Id", "Cookie", "X-Forwarded-For", "X-Real-IP", "Transfer-Encoding")
        ),
        ({"url": URL, "headers": {"X-Key": "one\r\nHost: two"}}, "/headers/X-Key", "header_not_allowed"),
        ({"url": URL, "headers": {"X-Key": ""}}, "/headers/X-Key", "too_long"),
        ({"event_types": []}, "/url", "missing"),
    ],
)
async def test_what_cannot_be_an_endpoint_is_refused(house: House, body: dict[str, object], pointer: str, code: str) -> None:
    msp = await house.tenant()
    answer = await msp.post("/webhook-endpoints", body)
    assert (answer.status_code, [(each["pointer"], each["code"]) for each in answer.json()["errors"]]) == (
        422,
        [(pointer, code)],
    )
    assert await msp.all("/webhook-endpoints") == []


async def test_headers_of_ones_own_are_kept_and_never_shown(house: House) -> None:
    msp = await house.tenant()
    made = await msp.make("/webhook-endpoints", {"url": URL, "headers": {"Authorization": "Bearer s3cret", "X-Team": "blue"}})
    at = f"/webhook-endpoints/{made['id']}"
    assert made["header_names"] == ["authorization", "x-team"]
    renamed = expect(await msp.patch(at, {"description": "Only the words change"}), 200)
    assert renamed["header_names"] == ["authorization", "x-team"]
    changed = expect(await msp.patch(at, {"headers": {"X-Team": "green"}}), 200)
    assert changed["header_names"] == ["x-team"]
    assert (await msp.patch(at, {"headers": {"Host": "inside"}})).status_code == 422
    refused = expect(await msp.patch(at, {"url": "https://evil.example.com/"}), 422)
    assert [each["pointer"] for each in refused["errors"]] == ["/headers"], "they go to no host they were not said for"
    expect(await msp.patch(at, {"url": f"{URL}/elsewhere"}), 200)
    expect(await msp.patch(at, {"url": "https://new.example.com/", "headers": {"X-Team": "green"}}), 200)
    assert expect(await msp.patch(at, {"headers": {}}), 200)["header_names"] == []
    for path in ("/audit-log", "/events", at):
        text = (await msp.get(path)).text
        assert "s3cret" not in text and "green" not in text
    updates = [each["changes"] for each in await msp.all("/audit-log") if each["kind"] == "webhook_endpoint.updated"]
    assert {"from": ["authorization", "x-team"], "to": ["x-team"]} in [each.get("header_names") for each in updates]


async def test_who_sees_only_some_organizations_cannot_listen_to_all(house: House) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    endpoint = await msp.make("/webhook-endpoints", {"url": URL})
    narrowed = await house.member(msp, Role.admin, organizations=[practice])
    technician = await house.member(msp, Role.technician)
    auditor = await house.member(msp, Role.auditor)
    for path in (
        "/webhook-endpoints",
        f"/webhook-endpoints/{endpoint['id']}",
        f"/webhook-endpoints/{endpoint['id']}/deliveries",
    ):
        assert (await narrowed.get(path)).status_code == 403
        assert (await technician.get(path)).status_code == 403
        assert (await auditor.get(path)).status_code == 200
    assert (await narrowed.post("/webhook-endpoints", {"url": URL})).status_code == 403
    assert (await auditor.post(f"/webhook-endpoints/{endpoint['id']}/secret-rotation", {})).status_code == 403


async def test_a_tenant_has_not_endless_endpoints(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 2)
    msp = await house.tenant()
    first = await msp.make("/webhook-endpoints", {"url": URL})
    await msp.make("/webhook-endpoints", {"url": URL})
    assert (await msp.post("/webhook-endpoints", {"url": URL})).status_code == 409
    await msp.delete(f"/webhook-endpoints/{first['id']}")
    await msp.make("/webhook-endpoints", {"url": URL})


async def test_the_catalogue_of_kinds_has_examples(house: House) -> None:
    msp = await house.tenant()
    kinds = {each["kind"]: each for each in await msp.all("/event-types")}
    opened = kinds["finding.opened"]["example"]
    assert opened["type"] == "finding.opened"
    assert opened["data"]["changes"]["level"] == {"from": None, "to": "high"}
    assert opened["data"]["organization_id"] is not None
    assert kinds["vendor.created"]["example"]["data"]["organization_id"] is None, "a vendor is the whole tenant's"
    page = await msp.get_json("/event-types", params={"limit": 3})
    assert [each["kind"] for each in page["data"]] == list(kinds)[:3]
    assert page["next"] == list(kinds)[2]


async def test_every_kind_of_event_has_a_schema_that_its_example_keeps(house: House) -> None:
    msp = await house.tenant()
    kinds = await msp.all("/event-types")
    assert len(kinds) > 100
    for each in kinds:
        assert each["payload"]["properties"]["type"] == {"const": each["kind"]}
        Draft202012Validator(each["payload"]).validate(each["example"])  # pyright: ignore[reportUnknownMemberType]  untyped there
    document = (await house.http.get("/openapi.json")).json()
    assert document["webhooks"].keys() == {"event", *(each["kind"] for each in kinds)}, "each is a webhook of the contract"


async def test_the_queue_is_seen_in_the_figures(house: House) -> None:
    msp = await house.tenant()
    endpoint = await msp.make("/webhook-endpoints", {"url": URL})
    expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
    told = (await house.http.get("/metrics")).text
    assert 'bitewing_jobs{job="webhooks.send",status="queued"} 1.0' in told
    assert 'bitewing_job_oldest_seconds{job="webhooks.send",status="queued"}' in told
