"""Deliveries, end to end: a change over HTTP, a worker, a real receiver that verifies with an independent library."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from sqlmodel import col, select
from standardwebhooks.webhooks import WebhookVerificationError

from domain.clock import now, rfc3339
from domain.database import tenant_session
from domain.outbound import retries
from domain.outbound.endpoints import WebhookEndpoint
from domain.outbound.mail import Mail
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.domain.outbound.listening import eventually, listen, listening, settled, working
from tests.makers import House, expect

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest_asyncio.fixture
async def worker(house: House, runtime: Runtime) -> AsyncGenerator[None]:
    """A worker, on the queue that ``house`` has emptied."""
    del house
    async with working(runtime):
        yield


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "SCHEDULE", (timedelta(0), timedelta(seconds=0.05), timedelta(seconds=0.05)))


@pytest.mark.usefixtures("worker")
async def test_a_change_arrives_signed_and_without_a_typed_text(house: House) -> None:
    msp = await house.tenant()
    async with listening() as everything, listening() as devices_only, listening() as others:
        endpoint = await listen(msp, everything)
        await listen(msp, devices_only, "device.*", "finding.opened")
        await listen(msp, others, "task.created")
        practice = await house.organization(msp, name="Secret Smiles")
        body = {"name": "Front desk of Mary", "kind": "laptop", "owner": "office manager"}
        device = await msp.make(f"/organizations/{practice}/devices", body)

        [arrival] = await devices_only.hears(1)
        await everything.hears(5)
        assert [each.kind for each in everything.arrivals if each.kind.startswith("webhook_endpoint")] == [
            "webhook_endpoint.created"
        ] * 3
        assert {each.kind for each in everything.arrivals} >= {"organization.created", "device.created"}
        assert others.arrivals == []

        payload = next(each for each in everything.arrivals if each.kind == "device.created").verified_by(endpoint["secret"])
        assert arrival.payload == payload, "the same for every endpoint"
        with pytest.raises(WebhookVerificationError):
            arrival.verified_by(endpoint["secret"])
        data = payload["data"]
        assert payload["timestamp"] == data["at"]
        assert data["subject"] == {"type": "device", "id": device["id"]}
        assert data["organization_id"] == practice
        assert data["changed"] == ["kind", "name", "owner", "status"]
        assert data["changes"] == {"kind": {"from": None, "to": "laptop"}, "status": {"from": None, "to": "active"}}
        assert b"Mary" not in arrival.body
        assert not any(b"Smiles" in each.body for each in everything.arrivals)
        assert arrival.id == data["id"]
        listed = await msp.get_json("/events", params={"kind": "device.created"})
        assert {name: value for name, value in listed["data"][0].items() if name != "cursor"} == data


@pytest.mark.usefixtures("worker")
async def test_what_is_sent_is_what_the_contract_says(house: House, app: FastAPI) -> None:
    document = app.openapi()
    operation = document["webhooks"]["event"]["post"]
    schema = {**operation["requestBody"]["content"]["application/json"]["schema"], "components": document["components"]}
    msp = await house.tenant()
    async with listening() as heard:
        await listen(msp, heard)
        practice = await house.organization(msp)
        await msp.patch(f"/organizations/{practice}", {"name": "Lakeview"})
        for arrival in await heard.hears(3):
            Draft202012Validator(schema).validate(arrival.payload)  # pyright: ignore[reportUnknownMemberType]  untyped there
            assert {each["name"] for each in operation["parameters"]} <= arrival.headers.keys()


@pytest.mark.usefixtures("worker", "quick_retries")
async def test_a_failure_is_tried_again_under_the_same_id(house: House) -> None:
    msp = await house.tenant()
    async with listening(500, 204) as heard:
        endpoint = await listen(msp, heard, "organization.created")
        await house.organization(msp)
        first, second = await heard.hears(2)
        assert first.id == second.id
        assert first.body == second.body
        second.verified_by(endpoint["secret"])
        [delivery] = await settled(msp, endpoint, delivered=1)
        assert (delivery["attempts"], delivery["next_attempt_at"]) == (2, None)
        assert delivery["delivered_at"] is not None
        detail = await msp.get_json(f"/deliveries/{delivery['id']}")
        assert [each["response_status"] for each in detail["history"]] == [500, 204]
        assert detail["payload"] == first.payload
        shown = await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
        assert shown["failing_since"] is None, "a success ends the trouble"


@pytest.mark.usefixtures("worker", "quick_retries")
async def test_after_the_last_attempt_it_waits_for_a_person(house: House) -> None:
    msp = await house.tenant()
    async with listening(500, 500, 500, 204) as heard:
        endpoint = await listen(msp, heard, "organization.created")
        await house.organization(msp)
        [delivery] = await settled(msp, endpoint, failed=1)
        assert delivery["attempts"] == 3
        shown = await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
        assert shown["enabled"] and shown["failing_since"] is not None

        begun = expect(await msp.post(f"/deliveries/{delivery['id']}/resend"), 202)
        assert (begun["status"], begun["attempts"]) == ("pending", 0)
        [delivery] = await settled(msp, endpoint, delivered=1)
        assert len({each.id for each in heard.arrivals}) == 1
        again = expect(await msp.post(f"/deliveries/{delivery['id']}/resend"), 202)
        assert again["status"] == "pending", "what was delivered can be sent again as well"
        await heard.hears(5)
        detail = await msp.get_json(f"/deliveries/{delivery['id']}")
        assert [each["response_status"] for each in detail["history"]][:4] == [500, 500, 500, 204]


@pytest.mark.usefixtures("worker")
async def test_an_endpoint_that_is_gone_is_switched_off(house: House) -> None:
    msp = await house.tenant()
    async with listening(410, 204) as heard, listening() as watcher:
        endpoint = await listen(msp, heard, "organization.created")
        await listen(msp, watcher, "webhook_endpoint.disabled")
        await house.organization(msp)
        [news] = await watcher.hears(1)
        assert news.payload["data"]["subject"] == {"type": "webhook_endpoint", "id": endpoint["id"]}
        assert news.payload["data"]["changes"] == {
            "disabled_reason": {"from": None, "to": "gone"},
            "enabled": {"from": True, "to": False},
        }
        shown = await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
        assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
        async with tenant_session(house.runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            letters = (await session.execute(select(Mail).where(col(Mail.tenant_id) == msp.tenant_id))).scalars().all()
        told = [each.subject for each in letters]
        assert told.count("A webhook endpoint was switched off") == 1, "by another way, and once"
        [delivery] = await settled(msp, endpoint, failed=1)
        assert (await msp.post(f"/deliveries/{delivery['id']}/resend")).status_code == 409
        await house.organization(msp)

        on = expect(await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": True}), 200)
        assert (on["enabled"], on["disabled_reason"]) == (True, None)
        done = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/recovery", {"since": LONG_AGO}), 202)
        assert done == {"recovered": 2, "complete": True}, "one that failed, and one that was never begun"
        assert len({each.id for each in await heard.hears(3)}) == 2


@pytest.mark.usefixtures("worker", "quick_retries")
async def test_five_days_of_failures_switch_an_endpoint_off(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with listening(500) as heard:
        endpoint = await listen(msp, heard, "organization.created")
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            row = await session.fetch(WebhookEndpoint, UUID(endpoint["id"]))
            row.failing_since = now() - timedelta(days=5)
        await house.organization(msp)
        await settled(msp, endpoint, failed=1)

        async def is_off() -> bool:
            shown = await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
            return (shown["enabled"], shown["disabled_reason"]) == (False, "failing")

        await eventually(is_off, "the endpoint is off")
        [trail] = (await msp.get_json("/audit-log", params={"kind": "webhook_endpoint.disabled"}))["data"]
        assert trail["actor"]["kind"] == "system"


@pytest.mark.usefixtures("worker")
async def test_during_a_rotation_both_secrets_sign(house: House) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, "organization.created")
        rotation = f"/webhook-endpoints/{endpoint['id']}/secret-rotation"
        rotated = await msp.make(rotation, {})
        await house.organization(msp)
        [arrival] = await heard.hears(1)
        assert arrival.verified_by(endpoint["secret"]) == arrival.verified_by(rotated["secret"])
        last = await msp.make(rotation, {"grace_seconds": 0})
        await house.organization(msp)
        _, arrival = await heard.hears(2)
        arrival.verified_by(last["secret"])
        for ended in (endpoint["secret"], rotated["secret"]):
            with pytest.raises(WebhookVerificationError):
                arrival.verified_by(ended)
        for position in range(4):
            await msp.make(rotation, {"grace_seconds": 600 + position})
        assert (await msp.post(rotation, {"grace_seconds": 600})).status_code == 409, "no more than five sign at once"
        assert (await msp.post(rotation, {"grace_seconds": 604_801})).status_code == 422
        await msp.make(rotation, {"grace_seconds": 0})


@pytest.mark.usefixtures("worker")
async def test_a_test_goes_to_one_endpoint_once_even_while_it_is_off(house: House) -> None:
    msp = await house.tenant()
    async with listening(500) as heard, listening() as other:
        endpoint = await listen(msp, heard, "finding.opened", enabled=False)
        await listen(msp, other, "webhook.test", "webhook.*")
        begun = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
        assert (begun["event_kind"], begun["status"]) == ("webhook.test", "pending")
        [arrival] = await heard.hears(1)
        payload = arrival.verified_by(endpoint["secret"])
        assert payload["type"] == "webhook.test"
        assert payload["data"]["subject"]["id"] == endpoint["id"]
        [delivery] = await settled(msp, endpoint, failed=1)
        assert delivery["attempts"] == 1
        assert (await msp.get_json(f"/webhook-endpoints/{endpoint['id']}"))["failing_since"] is None
        heard.statuses[0] = 204
        expect(await msp.post(f"/deliveries/{delivery['id']}/resend"), 202)
        await settled(msp, endpoint, delivered=1)
        assert other.arrivals == []


@pytest.mark.usefixtures("worker", "quick_retries")
async def test_recovery_doubles_nothing(house: House) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, "organization.*")
        before = rfc3339(now())
        delivered = await house.organization(msp)
        await settled(msp, endpoint, delivered=1)
        await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": False})
        missed = [await house.organization(msp) for _ in range(3)]
        path = f"/webhook-endpoints/{endpoint['id']}/recovery"
        assert (await msp.post(path, {"since": before})).status_code == 409, "an endpoint that is off recovers nothing"
        await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": True})

        answered = await asyncio.gather(*(msp.post(path, {"since": before}) for _ in range(3)))
        assert sum(expect(each, 202)["recovered"] for each in answered) == 3
        await settled(msp, endpoint, delivered=4)
        assert expect(await msp.post(path, {"since": before}), 202)["recovered"] == 0
        subjects = [each.payload["data"]["subject"]["id"] for each in heard.arrivals]
        assert sorted(subjects) == sorted([delivered, *missed])
        for bad in ({"since": "2026-01-01T00:00:00"}, {"since": before, "until": before}, {}):
            assert (await msp.post(path, bad)).status_code == 422


async def test_secrets_stay_out_of_reach(house: House, runtime: Runtime) -> None:
    msp, stranger = await house.tenant(), await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, url=f"{heard.url}?token=abc123")
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            row = (await session.execute(select(WebhookEndpoint).where(col(WebhookEndpoint.enabled)))).scalar_one()
        assert endpoint["secret"] not in str(row.secrets)
        trail = (await msp.get("/audit-log")).text
        assert "whsec_" not in trail and "abc123" not in trail and str(row.secrets[0]["sealed"]) not in trail
        assert "secret" not in await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
        for path in (f"/webhook-endpoints/{endpoint['id']}", f"/webhook-endpoints/{endpoint['id']}/deliveries"):
            assert (await stranger.get(path)).status_code == 404
        assert (await stranger.post(f"/webhook-endpoints/{endpoint['id']}/test")).status_code == 404
