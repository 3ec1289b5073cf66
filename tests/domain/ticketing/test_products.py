"""One table for all products: the same life of a ticket, the same troubles, and each one's own way to sign a callback."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.clock import new_id, now
from domain.database import tenant_session
from domain.errors import Invalid, Unauthenticated
from domain.outbound.egress import Egress, EgressPolicy
from domain.outbound.tools import ToolFailed, Trouble, Web, asked
from domain.runtime import Runtime
from domain.tenancy import SYSTEM, Wall
from domain.ticketing import hearing, polling, telling
from domain.ticketing.connector import Account, Callback, Changes, Connector, Draft, TicketState, marked
from domain.ticketing.connectors import PRODUCTS as KINDS
from domain.ticketing.connectors import servicenow
from domain.ticketing.templates import MOST_RESULT, check_template, rendered
from domain.ticketing.tickets import Ticket
from tests.domain.outbound.listening import eventually, listen, listening, working
from tests.domain.ticketing.fakes import Fake, Request, serving
from tests.domain.ticketing.products import PRODUCTS, Product
from tests.makers import House, expect, make_task

each_product = pytest.mark.parametrize("product", PRODUCTS, ids=lambda each: each.name)


def connector(product: Product, fake: Fake) -> Connector:
    kind = KINDS[product.name]
    url = f"http://127.0.0.1:{fake.port}"
    account = Account(
        base_url=url,
        settings=kind.Settings.model_validate(product.settings),
        credentials=kind.Credentials.model_validate(product.credentials),
        key=str(new_id()),
    )
    return kind(account, Web(Egress(EgressPolicy(allow_http=True, allow_loopback=True)), url))


def draft(product: Product, external_id: str) -> Draft:
    target = KINDS[product.name].Target.model_validate(product.target).model_dump(exclude_none=True)
    priority = KINDS[product.name].priorities.get("high")
    title = "Encrypt the NAS of the whole practice " * 4
    text = f"Line one\nLine two <b>\n\nReference: {external_id}"
    return Draft(external_id=external_id, title=title, text=text, target=target, priority=priority, due_on=date(2027, 1, 15))


def test_every_product_is_in_a_table() -> None:
    assert {each.name for each in PRODUCTS} == KINDS.keys() - {"request_tracker"}, "Request Tracker is tested for real"


@each_product
async def test_the_life_of_a_ticket(product: Product) -> None:
    async with serving(product.fake()) as fake:
        desk = connector(product, fake)
        external_id = str(new_id())
        assert await desk.find_by_external_id(external_id) is None
        made = await desk.create(draft(product, external_id))
        found = await desk.find_by_external_id(external_id)
        assert found is not None and found.id == made.id == "1"
        assert desk.state_of(made) is TicketState.open
        await desk.comment(made.id, marked("On site tomorrow.", external_id))
        [said] = await desk.comments(made.id)
        assert (said.ours, said.text.split("\n")[0]) == (external_id, "On site tomorrow.")
        word = desk.word_for(TicketState.done)
        await desk.update(made.id, Changes(status=word, title="Encrypt both"))
        assert fake.tickets[1].status == product.done
        assert desk.state_of(await desk.get(made.id)) is TicketState.done
        assert [each.id for each in await desk.changed_since(now() - timedelta(minutes=5))] == ["1"]
        with pytest.raises(ToolFailed) as gone:
            await desk.get("404")
        assert gone.value.trouble is Trouble.gone
        assert fake.faults == [], "the contract was kept"


async def test_what_changed_is_seen_beyond_the_first_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servicenow, "_PAGE", 2)
    product = next(each for each in PRODUCTS if each.name == "servicenow")
    async with serving(product.fake()) as fake:
        desk = connector(product, fake)
        for _ in range(5):
            await desk.create(draft(product, str(new_id())))
        seen = await desk.changed_since(now() - timedelta(minutes=5))
        assert [each.id for each in seen] == ["1", "2", "3", "4", "5"]


TROUBLES: tuple[tuple[int, Mapping[str, str], bytes, Trouble], ...] = (
    (401, {}, b'{"message": "no"}', Trouble.credentials),
    (409, {}, b'{"message": "changed meanwhile"}', Trouble.conflict),
    (422, {}, b'{"message": "no such queue"}', Trouble.refused),
    (429, {"retry-after": "90"}, b'{"message": "slow down"}', Trouble.busy),
    (500, {}, b'{"message": "our fault"}', Trouble.unreachable),
    (503, {"retry-after": "90"}, b"<html>Maintenance</html>", Trouble.unreachable),
    (200, {"content-type": "text/html"}, b"<html>Please sign in</html>", Trouble.unreachable),
    (200, {}, b'{"something": "else"}', Trouble.wrong_answer),
)


@each_product
async def test_troubles(product: Product) -> None:
    async with serving(product.fake()) as fake:
        desk = connector(product, fake)
        external_id = str(new_id())
        made = await desk.create(draft(product, external_id))
        for status, headers, body, trouble in TROUBLES:
            fake.trouble = (status, headers, body)
            with pytest.raises(ToolFailed) as failed:
                await asked(desk.get(made.id))
            # Where a shape is named by the customer, another shape is for the customer to mend.
            expected = {trouble, Trouble.refused} if product.name == "generic" and status == 200 else {trouble}
            assert failed.value.trouble in expected, (status, body)
            assert ("retry-after" in headers) == (failed.value.wait == timedelta(seconds=90))
            assert "<html>" not in failed.value.detail
        fake.trouble = None
        assert (await desk.get(made.id)).id == made.id


# --- callbacks --------------------------------------------------------------------------------------------------------

SECRET = "a secret that both sides share"
AT = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
Signer = Callable[[bytes], dict[str, str]]


def _mac(body: bytes, *, digest: str = "sha256", key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, body, getattr(hashlib, digest)).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_STAMP = "2026-11-24T12:00:10Z"
_SECONDS = str(int(AT.timestamp()))
CALLBACKS: Mapping[str, tuple[Any, Signer]] = {
    "connectwise": (
        {"ID": 7, "Type": "ticket", "Metadata": {"key_url": "https://api-na.myconnectwise.net/keys/1"}},
        lambda body: {"x-content-signature": _base64(_mac(body, key=hashlib.sha256(SECRET.encode()).digest()))},
    ),
    "autotask": (
        {"Action": "Update", "Guid": "g", "EntityType": "Ticket", "Id": 7, "Fields": {}},
        lambda body: {"x-hook-signature": "sha1=" + _base64(_mac(body, digest="sha1"))},
    ),
    "halopsa": ([{"object_id": 7}, {"object_id": 7}], lambda _: {"authorization": f"Bearer {SECRET}"}),
    "jira": ({"issue": {"id": "7"}}, lambda body: {"x-hub-signature": "sha256=" + _mac(body).hex()}),
    "zendesk": (
        {"detail": {"id": "7"}},
        lambda body: {
            "x-zendesk-webhook-signature": _base64(_mac(_STAMP.encode() + body)),
            "x-zendesk-webhook-signature-timestamp": _STAMP,
        },
    ),
    "servicenow": ({"sys_id": "7"}, lambda _: {"authorization": f"Bearer {SECRET}"}),
    "freshservice": ({"ticket_id": "INC-7"}, lambda _: {"authorization": f"Bearer {SECRET}"}),
    "redmine": ({"issue_id": 7}, lambda _: {"authorization": f"Bearer {SECRET}"}),
    "generic": (
        {"ticket_id": 7},
        lambda body: {"x-timestamp": _SECONDS, "x-signature": "sha256=" + _mac(f"{_SECONDS}.".encode() + body).hex()},
    ),
    "request_tracker": ({"ticket": 7, "txn": 1}, lambda body: {"x-rt-signature": "sha256=" + _mac(body).hex()}),
}
STAMPED = {"zendesk", "generic"}
"""Products that sign the time as well, so that a replay is refused by its age; of the others it is known by its content."""
UNSIGNED = {"halopsa", "servicenow", "freshservice", "redmine"}
"""Products that cannot sign: the header carries the secret, and the body proves nothing."""


@pytest.mark.parametrize("name", sorted(KINDS))
def test_callbacks(name: str) -> None:
    said, sign = CALLBACKS[name]
    body = json.dumps(said).encode()
    parse = KINDS[name].parse_callback
    good = Callback(headers=sign(body), body=body, secret=SECRET, at=AT)
    hints = parse(good)
    assert [each.ticket_id for each in hints] == ["7"]
    assert parse(good) == hints, "a second delivery is known by its key"
    forged: list[tuple[dict[str, str], bytes]] = [
        ({}, body),
        (dict.fromkeys(good.headers, ""), body),
        (dict.fromkeys(good.headers, "x" * 80), body),
    ]
    if name not in UNSIGNED:
        forged.append((dict(good.headers), body + b" "))
    for headers, text in forged:
        with pytest.raises(Unauthenticated):
            parse(Callback(headers=headers, body=text, secret=SECRET, at=AT))
    with pytest.raises(Unauthenticated):
        parse(Callback(headers=good.headers, body=body, secret="another secret entirely", at=AT))
    for nonsense in (b"null", b"[]", b"{}", b'{"issue": 5}', b"\xff", b"[" * 60_000):
        with pytest.raises(Unauthenticated):
            parse(Callback(headers=sign(nonsense), body=nonsense, secret=SECRET, at=AT))
    if name in STAMPED:
        with pytest.raises(Unauthenticated):
            parse(Callback(headers=good.headers, body=body, secret=SECRET, at=AT + timedelta(minutes=10)))


# --- templates of the generic connector -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}x{{ title.__init__() }}", "{% for x in title %}{{ x }}{% endfor %}", "{{ 'a' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}", "{{ title.format() }}", "{% set x = 1 %}", "{% macro m() %}{% endmacro %}", "{{ title | map }}",
        "{% include 'x' %}", "{{", "x" * 3000, "{{ range(9) }}", "{{ '%9999999d' % 1 }}", "{{ title['x'] }}",
    ],
)  # fmt: skip
def test_templates_can_do_little(text: str) -> None:
    with pytest.raises(Invalid):
        check_template(text, at="/settings/create/path")


def test_a_template_reaches_nothing_of_ours_and_stays_small() -> None:
    check_template("{{ title.__class__ }}", at="")
    far: dict[str, Any] = {"title": "x"}
    long: dict[str, Any] = {"title": "x" * (MOST_RESULT + 1)}
    for text, values in (("{{ title.__class__.__mro__ }}", far), ("{{ unknown }}", far), ("{{ title }}", long)):
        with pytest.raises(ToolFailed):
            rendered(text, values)


# --- through the door -------------------------------------------------------------------------------------------------


async def test_a_key_named_by_a_callback_is_fetched_only_where_the_product_keeps_keys(house: House) -> None:
    msp = await house.tenant()
    keys: list[str] = []

    def key(_: Fake, request: Request, __: Any) -> tuple[int, Any]:
        keys.append(request.path)
        return 200, {"signing_key": SECRET}

    product = next(each for each in PRODUCTS if each.name == "connectwise")
    routes = {r"GET /keys/\d": key}
    async with serving(Fake(headers={}, routes=routes)) as fake, serving(Fake(headers={}, routes=routes)) as evil:
        body = {
            "product": "connectwise", "name": "PSA", "base_url": f"http://127.0.0.1:{fake.port}",
            "settings": product.settings, "credentials": product.credentials,
        }  # fmt: skip
        made = await msp.make("/connections", body)
        assert "private_key" not in str(made), "credentials are never shown"
        path = "/v1" + made["callback_url"].split("/v1", 1)[1]

        async def call(url: str) -> int:
            said = json.dumps({"ID": 7, "Metadata": {"key_url": url}}).encode()
            signature = _base64(_mac(said, key=hashlib.sha256(SECRET.encode()).digest()))
            return (await msp.http.post(path, content=said, headers={"x-content-signature": signature})).status_code

        assert await call(f"http://127.0.0.1:{fake.port}/keys/1") == 202
        assert await call(f"http://127.0.0.1:{fake.port}/keys/1") == 202
        assert await call(f"http://localhost:{evil.port}/keys/2") == 401
        assert await call("http://api.myconnectwise.net.evil.example.com/keys/3") == 401
        assert await call("not a url") == 401
    assert keys == ["/keys/1"], "asked once, and nobody else"


async def test_what_a_product_needs_is_checked_when_it_is_connected(house: House) -> None:
    msp = await house.tenant()
    body: dict[str, Any] = {
        "product": "zendesk",
        "name": "Z",
        "base_url": "https://z.example.com",
        "credentials": {"email": "a"},
    }
    answer = await msp.post("/connections", body)
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/credentials/api_token"]
    body["credentials"]["api_token"] = "t0ken"
    assert (await msp.post("/connections", body)).json()["errors"][0]["pointer"] == "/callback_secret", "Zendesk makes it"
    made = await msp.make("/connections", {**body, "callback_secret": SECRET})
    practice = await house.organization(msp)
    wrong = {"organization_id": practice, "target": {"queue": "x"}}
    answer = await msp.post(f"/connections/{made['id']}/mappings", wrong)
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/target/queue"]
    at = f"/connections/{made['id']}"
    for url in ("https://10.0.0.1", "ftp://z.example.com", "https://u:p@z.example.com"):
        refused = expect(await msp.patch(at, {"base_url": url}), 422)
        assert [each["pointer"] for each in refused["errors"]] == ["/base_url"]
    elsewhere = {"base_url": "https://evil.example.com"}
    refused = expect(await msp.patch(at, elsewhere), 422)
    assert [each["pointer"] for each in refused["errors"]] == ["/credentials"], "they go to no host they were not said for"
    expect(await msp.patch(at, {"base_url": "https://z.example.com/desk"}), 200)
    expect(await msp.patch(at, {**elsewhere, "credentials": body["credentials"]}), 200)
    assert {each["product"] for each in await msp.all("/ticketing-products")} == KINDS.keys()


async def test_what_waits_is_told_at_once_when_it_is_mended(house: House, runtime: Runtime) -> None:
    """The waits are the real ones, longer than this test: nothing here is told by the sweep or a second attempt."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    product = next(each for each in PRODUCTS if each.name == "redmine")
    async with serving(product.fake()) as fake, working(runtime):
        body = {
            "product": product.name, "name": "Desk", "base_url": f"http://127.0.0.1:{fake.port}",
            "settings": product.settings, "credentials": product.credentials,
        }  # fmt: skip
        connection = await msp.make("/connections", body)
        path, target = f"/connections/{connection['id']}", {"target": product.target}
        mapping = await msp.make(f"{path}/mappings", {"organization_id": practice, **target})
        task = await make_task(msp, practice)
        fake.trouble = (422, {}, b'{"message": "no such project"}')
        ticket = await msp.make(f"/tasks/{task['id']}/tickets", {"connection_id": connection["id"]})
        at = f"/tasks/{task['id']}/tickets"

        async def told() -> bool:
            return (await msp.all(at))[0]["waiting"] == 0

        async def refused() -> bool:
            return (await msp.all(at))[0]["trouble"] == Trouble.refused.value

        await eventually(refused, "the product has refused it")
        await msp.patch(path, {"enabled": False})
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            (await session.fetch(Ticket, UUID(ticket["id"]))).next_attempt_at = now()
        await telling.tell(runtime, {"tenant_id": str(msp.tenant_id), "ticket_id": ticket["id"]})
        assert (await msp.all(at))[0]["next_attempt_at"] is not None, "switched off, it stays due"
        for mended, change in ((path, {"enabled": True}), (f"/mappings/{mapping['id']}", {"target": {"project": "mended"}})):
            async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
                (await session.fetch(Ticket, UUID(ticket["id"]))).next_attempt_at = now() + timedelta(days=1)
            fake.trouble = None
            await msp.patch(mended, change)
            await eventually(told, f"it is told when {mended} is mended")
            if mended == path:
                fake.trouble = (422, {}, b'{"message": "no such project"}')
                task = await make_task(msp, practice)
                ticket = await msp.make(f"/tasks/{task['id']}/tickets", {"connection_id": connection["id"]})
                at = f"/tasks/{task['id']}/tickets"
                await eventually(refused, "the product has refused the next one")
        assert (len(fake.tickets), fake.faults) == (2, [])


async def test_what_waits_is_told_at_once_when_the_product_is_back(house: House, runtime: Runtime) -> None:
    """The waits are the real ones: the poll that gets through wakes what waits for hours yet."""
    msp = await house.tenant()
    practice = await house.organization(msp)
    product = next(each for each in PRODUCTS if each.name == "redmine")
    async with serving(product.fake()) as fake, working(runtime):
        body = {
            "product": product.name, "name": "Desk", "base_url": f"http://127.0.0.1:{fake.port}",
            "settings": product.settings, "credentials": product.credentials,
        }  # fmt: skip
        connection = await msp.make("/connections", body)
        target = {"organization_id": practice, "target": product.target}
        await msp.make(f"/connections/{connection['id']}/mappings", target)
        fake.trouble = (503, {}, b"<html>Maintenance</html>")
        tasks = [await make_task(msp, practice) for _ in range(2)]
        for task in tasks:
            await msp.make(f"/tasks/{task['id']}/tickets", {"connection_id": connection["id"]})

        async def tickets() -> list[dict[str, Any]]:
            return [each for task in tasks for each in await msp.all(f"/tasks/{task['id']}/tickets")]

        async def troubled() -> bool:
            return all(each["trouble"] == Trouble.unreachable.value for each in await tickets())

        async def told() -> bool:
            return all(each["waiting"] == 0 and each["remote_id"] for each in await tickets())

        await eventually(troubled, "both have been tried")
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            for each in await tickets():
                (await session.fetch(Ticket, UUID(each["id"]))).next_attempt_at = now() + timedelta(days=1)
        fake.trouble = None
        await polling.poll(runtime, {"tenant_id": str(msp.tenant_id), "connection_id": connection["id"]})
        await eventually(told, "both are told")
        assert len(fake.tickets) == 2


async def test_a_look_that_is_out_of_date_again_and_again_is_made_later(
    house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    product = next(each for each in PRODUCTS if each.name == "redmine")
    async with serving(product.fake()) as fake:
        body = {
            "product": product.name, "name": "Desk", "base_url": f"http://127.0.0.1:{fake.port}",
            "settings": product.settings, "credentials": product.credentials,
        }  # fmt: skip
        connection = await msp.make("/connections", body)
        target = {"organization_id": practice, "target": product.target}
        await msp.make(f"/connections/{connection['id']}/mappings", target)
        task = await make_task(msp, practice)
        ticket = await msp.make(f"/tasks/{task['id']}/tickets", {"connection_id": connection["id"]})
        job = {"tenant_id": str(msp.tenant_id), "ticket_id": ticket["id"]}
        await telling.tell(runtime, job)

        async def told_meanwhile(*_: Any) -> bool:
            return False

        monkeypatch.setattr(hearing, "_apply", told_meanwhile)
        await hearing.look(runtime, job)
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            driver = await session.driver()
            wanted = "select payload from pgqueuer where entrypoint = 'tickets.look' and dedupe_key like $1"
            [later] = await driver.fetch(wanted, f"%{ticket['id']}:again:%")
        assert json.loads(later["payload"])["tries"] == 1


async def test_what_is_said_while_a_connection_is_off_waits_and_what_is_refused_is_listed(
    house: House, runtime: Runtime
) -> None:
    msp = await house.tenant()
    practice = await house.organization(msp)
    product = next(each for each in PRODUCTS if each.name == "redmine")
    async with serving(product.fake()) as fake, listening() as heard, working(runtime):
        await listen(msp, heard, "task.*")
        body = {
            "product": product.name, "name": "Desk", "base_url": f"http://127.0.0.1:{fake.port}",
            "settings": product.settings, "credentials": product.credentials,
        }  # fmt: skip
        connection = await msp.make("/connections", body)
        path = f"/connections/{connection['id']}"
        mapping = {"organization_id": practice, "target": product.target, "automatic": "tasks"}
        await msp.make(f"{path}/mappings", mapping)
        task = await make_task(msp, practice)
        at = f"/tasks/{task['id']}"

        async def told() -> bool:
            return [each["waiting"] for each in await msp.all(f"{at}/tickets")] == [0]

        await eventually(told, "the ticket is made")
        await msp.patch(path, {"enabled": False})
        before = len(heard.arrivals)
        await msp.make(f"{at}/comments", {"text": "said while it was off"})
        other = await make_task(msp, practice)
        await heard.hears(before + 2)
        await msp.patch(path, {"enabled": True})
        await eventually(lambda: any("said while it was off" in each for each in fake.tickets[1].comments), "it is told")
        await eventually(lambda: len(fake.tickets) == 2, "the task of meanwhile has its ticket")

        [ticket] = await msp.all(f"{at}/tickets")
        fake.trouble = (422, {}, b'{"errors": ["Subject is too dull"]}')
        async with tenant_session(runtime.database, Wall(msp.tenant_id), actor=SYSTEM) as session:
            (await session.fetch(Ticket, UUID(ticket["id"]))).attempts = telling.REFUSALS - 1
        await msp.patch(at, {"title": "Another title"})

        async def refused() -> bool:
            return [each["refused"] for each in await msp.all(f"{at}/tickets")] == [1]

        await eventually(refused, "it is left behind")
        changes = await msp.all(f"/tickets/{ticket['id']}/changes")
        assert [each["status"] for each in changes] == ["told", "told", "refused"]
        assert (changes[-1]["kind"], changes[-1]["about"]) == ("update", {"fields": ["title"]})
        assert "Subject is too dull" in changes[-1]["detail"]
        assert await msp.all(f"{path}/refused-changes") == [changes[-1]]
        only = await msp.get_json(f"/tickets/{ticket['id']}/changes", params={"status": "refused"})
        assert only["data"] == [changes[-1]]
        [elsewhere] = await msp.all(f"/tasks/{other['id']}/tickets")
        assert elsewhere["refused"] == 0
    assert fake.faults == []
