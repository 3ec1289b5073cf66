"""Links to single topics: what they show, what they take, and that they open nothing else, nor for longer than they may."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from domain.clock import now
from domain.runtime import Targets
from tests.api.v1.test_assessments import practice
from tests.api.v1.test_topics import topic_of
from tests.makers import Caller, House, expect, make_assessment, make_topic_link

ASKED = ["CON-05", "CON-06"]


class Holder:
    """Whoever was sent a link."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"}

    async def topics(self) -> httpx.Response:
        return await self.http.get("/v1/respondent/topics", headers=self.headers)

    async def say(self, topic: str, **answer: Any) -> httpx.Response:
        return await self.http.put(f"/v1/respondent/answers/{topic}", headers=self.headers, json=answer)


async def shared(house: House) -> tuple[Caller, str, dict[str, Any], Holder]:
    msp, organization = await practice(house)
    assessment = (await make_assessment(msp, organization))["id"]
    await msp.make(f"/assessments/{assessment}/evaluation", {})
    link = await make_topic_link(msp, assessment, ASKED, label="Office manager")
    return msp, assessment, link, Holder(house.http, link["token"])


async def as_superuser(targets: Targets, statement: str, *arguments: Any) -> list[Any]:
    """What only the database's owner of everything can see or do."""
    assert targets.superuser is not None
    connection: Any = await asyncpg.connect(**targets.superuser)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()


async def test_a_link_shows_its_topics_and_nothing_else(house: House) -> None:
    msp, _, link, holder = await shared(house)
    told = expect(await holder.topics(), 200)
    assert [each["id"] for each in told["topics"]] == ASKED
    assert set(told) == {"practice", "label", "expires_at", "open", "topics"}
    shown = (await holder.topics()).text
    for hidden in ("OP1", "IMG", str(msp.member_id), "proposal", "finding", link["id"]):
        assert hidden not in shown
    assert link["url"].endswith(f"/respond#{link['token']}")
    assert str(msp.tenant_id.hex) in link["token"], "like every credential it names its tenant"


async def test_what_is_said_through_a_link_counts_as_that_links(house: House) -> None:
    msp, assessment, link, holder = await shared(house)
    said = expect(await holder.say("CON-05", state="yes", evidence=[{"reference": "Binder, page 3"}]), 200)
    assert (said["state"], said["evidence"]) == ("yes", [{"reference": "Binder, page 3"}])
    answer = (await topic_of(msp, assessment, "CON-05"))["answer"]
    assert (answer["state"], answer["answered_by"], answer["link_id"]) == ("yes", None, link["id"])
    [entry] = (await msp.get_json(f"/assessments/{assessment}/answers/CON-05/history"))["entries"]
    assert (entry["by"]["kind"], entry["by"]["id"]) == ("topic_link", link["id"])
    assert (await holder.say("CON-06", state="alternative")).status_code == 422, "the same rules as for everybody"
    with_document = await holder.say("CON-05", state="yes", evidence=[{"document_id": link["id"]}])
    assert with_document.status_code == 422, "the practice's documents are not for those who hold a link"


async def test_a_link_opens_nothing_else(house: House) -> None:
    msp, assessment, link, holder = await shared(house)
    assert (await holder.say("CON-01", state="yes")).status_code == 404
    assert (await topic_of(msp, assessment, "CON-01"))["answer"]["state"] is None
    for path in ("/v1/me", "/v1/organizations", f"/v1/assessments/{assessment}", f"/v1/topic-links/{link['id']}"):
        assert (await house.http.get(path, headers=holder.headers)).status_code == 401, path


async def test_a_link_ends(house: House) -> None:
    msp, assessment, link, holder = await shared(house)
    assert (await holder.topics()).status_code == 200
    assert (await msp.delete(f"/topic-links/{link['id']}")).status_code == 204
    assert (await holder.topics()).status_code == 401
    assert (await holder.say("CON-05", state="yes")).status_code == 401
    [kept] = await msp.all(f"/assessments/{assessment}/topic-links")
    assert kept["revoked_at"] is not None
    assert "token" not in kept

    for ends in (now() - timedelta(seconds=1), now() + timedelta(days=91)):
        body = {"label": "Late", "topic_ids": ASKED, "expires_at": ends.isoformat()}
        refused = await msp.post(f"/assessments/{assessment}/topic-links", body)
        assert [each["pointer"] for each in expect(refused, 422)["errors"]] == ["/expires_at"]


async def test_an_expired_link_is_refused(house: House, targets: Targets) -> None:
    _, _, link, holder = await shared(house)
    await as_superuser(targets, "update topic_link set expires_at = now() where id = $1", link["id"])
    assert (await holder.topics()).status_code == 401


async def test_only_a_hash_of_the_token_is_kept(house: House, targets: Targets) -> None:
    _, _, link, _ = await shared(house)
    [[row]] = await as_superuser(targets, "select t::text from topic_link t where id = $1", link["id"])
    assert link["token"] not in row
    assert link["token"].rsplit("_", 1)[-1] not in row


@pytest.mark.parametrize("change", ["tenant", "secret", "none"])
async def test_a_token_of_nothing_opens_nothing(house: House, change: str) -> None:
    _, _, link, _ = await shared(house)
    prefix, tenant, secret = link["token"].split("_", 2)
    other = await house.tenant()
    token = {
        "tenant": f"{prefix}_{other.tenant_id.hex}_{secret}",
        "secret": f"{prefix}_{tenant}_{secret[::-1]}",
        "none": "",
    }[change]
    assert (await Holder(house.http, token).topics()).status_code == 401
