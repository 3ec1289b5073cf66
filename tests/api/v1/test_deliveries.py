"""Deliveries, end to end: a change over HTTP, a worker, a real receiver that verifies with an independent library."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from sqlmodel import col, select
from standardwebhooks.webhooks import WebhookVerificationError

from domain.clock import now, rfc3339
from domain.database import tenant_session
from domain.outbound import retries
from domain.outbound.attempts import forget_what_was_said
from domain.outbound.endpoints import WebhookEndpoint
from domain.outbound.mail import Mail
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from tests.domain.outbound.listening import Listener, eventually, listen, listening, settled, working
from tests.domain.outbound.receivers import answers, receiver
from tests.makers import House, expect, make_device, make_group

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
    async with listening(410, 204) as heard, listening() as watcher, listening() as others:
        endpoint = await listen(msp, heard, "organization.created")
        await listen(msp, watcher, "webhook_endpoint.disabled")
        await listen(msp, others, "organization.created")
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
        await others.hears(2)  # so it has been passed on to all that listen: an endpoint that is on again could still get it

        on = expect(await msp.patch(f"/webhook-endpoints/{endpoint['id']}", {"enabled": True}), 200)
        assert (on["enabled"], on["disabled_reason"]) == (True, None)
        done = expect(await msp.post(f"/webhook-endpoints/{endpoint['id']}/recovery", {"since": LONG_AGO}), 202)
        assert done == {"recovered": 2, "complete": True, "go_on_from": None}, "one that failed, and one that was never begun"
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


@pytest.mark.usefixtures("worker")
async def test_an_endpoint_hears_only_what_it_asks_for(house: House) -> None:
    msp = await house.tenant()
    first, second, third = [await house.organization(msp) for _ in range(3)]
    group = (await make_group(msp, organization_ids=[second]))["id"]
    async with listening() as everything, listening() as one, listening() as grouped, listening() as chosen:
        await listen(msp, everything, "device.created")
        await listen(msp, one, "device.created", organization_ids=[first, first])
        await listen(msp, grouped, "device.created", organization_ids=[first], group_ids=[group])
        laptops = await listen(msp, chosen, "device.*", condition='event.changes.kind.to == "laptop"')
        for practice, kind in ((first, "psp_scanner"), (second, "laptop"), (third, "nas")):
            made = await make_device(msp, practice, kind=kind)
            await msp.patch(f"/devices/{made['id']}", {"name": "Another name"})
        await everything.hears(3)

        def heard(by: Listener) -> list[str]:
            return [each.payload["data"]["organization_id"] for each in by.arrivals]

        await grouped.hears(2)
        await one.hears(1)
        [arrival] = await chosen.hears(1)
        assert (sorted(heard(everything)), heard(one)) == (sorted([first, second, third]), [first])
        assert sorted(heard(grouped)) == sorted([first, second])
        assert arrival.payload["data"]["changes"]["kind"] == {"from": None, "to": "laptop"}
        await settled(msp, laptops, delivered=1)
        at = f"/webhook-endpoints/{laptops['id']}"
        await msp.patch(at, {"condition": f"event.organization_id == '{third}'"})
        done = expect(await msp.post(f"{at}/recovery", {"since": LONG_AGO}), 202)
        assert done["recovered"] == 2, "made and changed: what never came, as the endpoint listens now"
        await settled(msp, laptops, delivered=3)


@pytest.mark.usefixtures("worker")
async def test_texts_are_sent_to_whom_they_are_asked_for_and_no_patient(house: House) -> None:
    msp = await house.tenant()
    await msp.patch("/tenant", {"settings": {"patient_identifiers": "warn"}})
    practice = await house.organization(msp)
    async with listening() as thin, listening() as told:
        await listen(msp, thin, "device.created")
        endpoint = await listen(msp, told, "device.created", free_text=True)
        await make_device(msp, practice, name="Front desk", owner="Jones, DOB 03/04/1961")
        [with_texts], [without] = await told.hears(1), await thin.hears(1)
        changes = with_texts.payload["data"]["changes"]
        assert changes["name"] == {"from": None, "to": "Front desk"}
        assert with_texts.payload["data"]["changed"] == without.payload["data"]["changed"]
        assert "owner" in with_texts.payload["data"]["changed"] and b"Jones" not in with_texts.body
        assert b"Front desk" not in without.body
        [delivery] = await settled(msp, endpoint, delivered=1)
        assert (await msp.get_json(f"/deliveries/{delivery['id']}"))["payload"] == with_texts.payload


@pytest.mark.usefixtures("worker")
async def test_a_pair_of_keys_signs_beside_a_secret_while_one_follows_the_other(house: House) -> None:
    msp = await house.tenant()
    async with listening() as heard:
        endpoint = await listen(msp, heard, "organization.created")
        rotation = f"/webhook-endpoints/{endpoint['id']}/secret-rotation"
        rotated = await msp.make(rotation, {"signature": "v1a", "grace_seconds": 600})
        assert rotated["secret"] is None
        [public] = rotated["public_keys"]
        assert (public["key"][:5], public["until"]) == ("whpk_", None)
        await house.organization(msp)
        [arrival] = await heard.hears(1)
        arrival.verified_by(endpoint["secret"])
        arrival.verified_with(public["key"])
        last = await msp.make(rotation, {"grace_seconds": 0})
        shown = await msp.get_json(f"/webhook-endpoints/{endpoint['id']}")
        assert (shown["signature"], shown["public_keys"]) == ("v1a", last["public_keys"])
        await house.organization(msp)
        _, arrival = await heard.hears(2)
        assert arrival.headers["webhook-signature"].startswith("v1a,") and " " not in arrival.headers["webhook-signature"]
        arrival.verified_with(last["public_keys"][0]["key"])
        with pytest.raises(InvalidSignature):
            arrival.verified_with(public["key"])
        paired = await listen(msp, heard, "webhook.test", signature="v1a")
        assert paired["secret"] is None and paired["public_keys"][0]["key"].startswith("whpk_")


@pytest.mark.usefixtures("worker", "quick_retries")
async def test_the_log_shows_what_was_sent_and_the_figures_add_up(house: House, runtime: Runtime) -> None:
    msp = await house.tenant()
    async with listening(500, 204) as heard:
        own = {"Authorization": "Bearer s3cret", "X-Team": "blue"}
        endpoint = await listen(msp, heard, "organization.created", headers=own)
        at = f"/webhook-endpoints/{endpoint['id']}"
        nothing = await msp.get_json(f"{at}/statistics")
        assert (nothing["attempts"], nothing["success_rate"], nothing["by_day"]) == (0, None, [])
        await house.organization(msp)
        [delivery] = await settled(msp, endpoint, delivered=1)
        first, second = heard.arrivals
        assert (first.headers["authorization"], first.headers["x-team"]) == ("Bearer s3cret", "blue")
        detail = await msp.get(f"/deliveries/{delivery['id']}")
        assert "s3cret" not in detail.text
        [failed, succeeded] = detail.json()["history"]
        assert failed["request_headers"]["authorization"] == "***"
        assert succeeded["request_headers"]["webhook-signature"] == second.headers["webhook-signature"]
        assert json.loads(succeeded["request_body"]) == second.payload
        figures = await msp.get_json(f"{at}/statistics", params={"days": 1})
        counted = {name: figures[name] for name in ("attempts", "succeeded", "failed", "success_rate", "pending")}
        assert counted == {"attempts": 2, "succeeded": 1, "failed": 1, "success_rate": 0.5, "pending": 0}
        assert figures["last_success_at"] == succeeded["at"]
        assert sum(each["attempts"] for each in figures["by_day"]) == 2
        assert figures["p50_ms"] <= figures["p95_ms"]

        kept = replace(runtime, settings=runtime.settings.model_copy(update={"webhook_bodies_days": 0}))
        await forget_what_was_said(kept)
        for each in (await msp.get_json(f"/deliveries/{delivery['id']}"))["history"]:
            assert (each["request_headers"], each["request_body"], each["response_body"]) == (None, None, None)
            assert each["response_status"] in (500, 204)
        assert (await msp.get_json(f"{at}/statistics"))["attempts"] == 2


@pytest.mark.usefixtures("worker")
async def test_an_endpoint_is_sent_no_more_at_once_and_no_faster_than_it_allows(house: House) -> None:
    msp = await house.tenant()
    now_under_way, most, times = 0, 0, list[float]()
    async with listening() as everything:

        async def slowly(writer: asyncio.StreamWriter) -> None:
            nonlocal now_under_way, most
            now_under_way += 1
            most = max(most, now_under_way)
            times.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.02)
            now_under_way -= 1
            await answers(204)(writer)

        await listen(msp, everything, "organization.created")
        async with receiver(slowly) as two, receiver(slowly) as slow:
            await msp.make("/webhook-endpoints", {"url": two.url(), "event_types": ["organization.created"], "at_once": 2})
            await asyncio.gather(*(house.organization(msp) for _ in range(12)))
            await eventually(lambda: len(two.bodies) == 12, "all have come")
            assert most == 2
            body = {"url": slow.url(), "event_types": ["organization.updated"], "throttle_per_second": 10}
            await msp.make("/webhook-endpoints", body)
            times.clear()
            practice = await house.organization(msp)
            for number in range(5):
                await msp.patch(f"/organizations/{practice}", {"name": f"Name {number}"})
            await eventually(lambda: len(slow.bodies) == 5, "all have come, in their time")
            assert times[-1] - times[-5] >= 0.38, "five take four tenths of a second"
        await everything.hears(13)


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
