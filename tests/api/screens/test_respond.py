"""The page behind a link: what it shows and takes, by forms alone and in a real browser, and when the link has ended."""

import re

import httpx
from fastapi import FastAPI

from domain.runtime import Targets
from domain.settings import load_settings
from tests.api.screens.browser import NEEDS_CHROMIUM, browsing, faults, serving
from tests.api.v1.test_topic_links import ASKED, as_superuser, shared
from tests.api.v1.test_topics import topic_of
from tests.makers import House, make_document, make_topic_link


async def post(house: House, token: str, **fields: str) -> httpx.Response:
    return await house.http.post("/respond", data={"token": token, **fields})


async def test_the_page_without_a_token_shows_nothing_and_asks_for_it(house: House) -> None:
    page = await house.http.get("/respond", params={"utm_source": "a mail program adds such things"})
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert '<form method="post" action="/respond"' in page.text
    assert re.search(r"<script(?! src=)|style=|onclick", page.text) is None
    for asset in re.findall(r'(?:src|href)="(/screens/[^"]+)"', page.text):
        assert (await house.http.get(asset)).status_code == 200, asset


async def test_the_page_shows_the_topics_of_the_link_and_no_others(house: House) -> None:
    msp, _, link, _ = await shared(house)
    for given in (link["token"], link["url"], f"  token={link['token']} "):
        page = await post(house, given)
        assert page.status_code == 200
        assert re.findall(r'<article id="([^"]+)"', page.text) == ASKED
    for hidden in ("IMG-", str(msp.member_id), link["id"], "proposal"):
        assert hidden not in page.text


async def test_an_answer_and_a_comment_are_kept_and_shown_again(house: House) -> None:
    msp, assessment, link, _ = await shared(house)
    note = "</textarea><script>alert('Zahnärztin')</script> 牙"
    said = {"topic_id": "CON-05", "do": "answer", "state": "yes", "evidence": "Binder, page 3\r\n\r\nServer room", "note": note}
    page = await post(house, link["token"], **said)
    assert page.status_code == 200
    assert "Your answer is saved." in page.text
    assert "<script>alert" not in page.text, "what a person typed is text"
    answer = (await topic_of(msp, assessment, "CON-05"))["answer"]
    assert (answer["state"], answer["note"], answer["link_id"]) == ("yes", note, link["id"])
    assert [each["reference"] for each in answer["evidence"]] == ["Binder, page 3", "Server room"]

    page = await post(house, link["token"], topic_id="CON-06", do="comment", text="Who keeps the key?")
    assert "Your comment is sent." in page.text
    assert "Who keeps the key?" in page.text
    [comment] = await msp.all(f"/assessments/{assessment}/topics/CON-06/comments")
    assert (comment["text"], comment["author_id"], comment["link_id"]) == ("Who keeps the key?", None, link["id"])
    other = await make_topic_link(msp, assessment, ASKED)
    assert "Who keeps the key?" not in (await post(house, other["token"])).text, "one link does not hear another"


async def test_what_is_wrong_is_said_beside_its_box_and_nothing_is_lost(house: House) -> None:
    msp, assessment, link, _ = await shared(house)
    page = await post(house, link["token"], topic_id="CON-06", do="answer", state="alternative", note="Typed with care")
    assert page.status_code == 422
    for box in ("rationale", "alternative"):
        assert f'id="CON-06-{box}-fault"' in page.text
    assert "Typed with care" in page.text
    none = await post(house, link["token"], topic_id="CON-06", do="answer")
    assert "Choose one of the answers." in none.text
    patient = await post(house, link["token"], topic_id="CON-06", do="answer", state="implemented", note="SSN 123-45-6789")
    assert 'id="CON-06-note-fault"' in patient.text
    other = await post(house, link["token"], topic_id="IMG-01", do="answer", state="yes")
    assert other.status_code == 422
    assert (await topic_of(msp, assessment, "CON-06"))["answer"]["state"] is None


async def test_a_document_that_a_member_put_beside_an_answer_stays(house: House) -> None:
    msp, assessment, link, _ = await shared(house)
    organization = (await msp.get_json(f"/assessments/{assessment}"))["organization_id"]
    document = (await make_document(msp, organization))["id"]
    body = {"state": "yes", "evidence": [{"document_id": document}, {"reference": "Old place"}]}
    assert (await msp.put(f"/assessments/{assessment}/answers/CON-05", body)).status_code == 200
    await post(house, link["token"], topic_id="CON-05", do="answer", state="partial", evidence="New place")
    evidence = (await topic_of(msp, assessment, "CON-05"))["answer"]["evidence"]
    assert evidence == [{"reference": "New place"}, {"document_id": document}]


async def test_a_link_that_ended_is_refused_politely(house: House, targets: Targets) -> None:
    msp, assessment, link, _ = await shared(house)
    late = await make_topic_link(msp, assessment, ASKED)
    await as_superuser(targets, "update topic_link set expires_at = now() where id = $1", late["id"])
    await msp.delete(f"/topic-links/{link['id']}")
    for token in (link["token"], late["token"]):
        page = await post(house, token, topic_id="CON-05", do="answer", state="yes")
        assert page.status_code == 401
        assert "Ask whoever sent it for another one." in page.text
        assert token not in page.text
    assert "This is not the whole link." in (await post(house, "bwl_")).text
    assert (await topic_of(msp, assessment, "CON-05"))["answer"]["state"] is None
    assert (await house.http.post("/respond", json={"token": link["token"]})).status_code == 415


def test_links_lead_to_the_frontend_where_there_is_one() -> None:
    ours = load_settings({"public_url": "https://api.msp.example/", "app_url": None})
    assert ours.page("respond", "bwl_x") == "https://api.msp.example/respond#bwl_x"
    theirs = load_settings({"public_url": "https://api.msp.example", "app_url": "https://app.msp.example/"})
    assert theirs.page("respond", "bwl_x") == "https://app.msp.example/respond#bwl_x"


@NEEDS_CHROMIUM
async def test_the_page_in_a_browser(house: House, app: FastAPI) -> None:
    """The link is opened, answered and commented on a telephone; axe-core finds nothing on any of the pages."""
    msp, assessment, link, _ = await shared(house)
    async with serving(app) as base, browsing(width=390) as page:
        await page.goto(f"{base}/respond#bwl_mistyped")
        await page.get_by_role("alert").wait_for()
        assert await faults(page) == []

        await page.goto("about:blank")
        await page.goto(f"{base}/respond#{link['token']}")
        first = page.locator("article").first
        await first.wait_for()
        assert link["token"] not in page.url
        assert await faults(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
        await first.get_by_label("Yes", exact=True).check()
        await first.get_by_label("Anything to add").fill("From the telephone")
        await first.get_by_role("button", name="Save this answer").click()
        await page.get_by_role("status").get_by_text("Your answer is saved.").wait_for()
        second = page.locator("article").nth(1)
        await second.get_by_label("Something else is done instead").check()
        await second.get_by_role("button", name="Save this answer").click()
        await second.locator("[aria-invalid=true]").first.wait_for()
        assert await faults(page) == []
    answer = (await topic_of(msp, assessment, "CON-05"))["answer"]
    assert (answer["state"], answer["note"]) == ("yes", "From the telephone")


@NEEDS_CHROMIUM
async def test_the_page_without_scripts(house: House, app: FastAPI) -> None:
    _, _, link, _ = await shared(house)
    async with serving(app) as base, browsing(width=1280, scripts=False) as page:
        await page.goto(f"{base}/respond#{link['token']}")
        await page.get_by_label("The link that you were sent").fill(link["url"])
        await page.get_by_role("button", name="Open").click()
        await page.locator("article").first.wait_for()
        assert await page.locator("article").count() == len(ASKED)
