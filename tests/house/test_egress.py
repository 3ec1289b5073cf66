"""Every address that a customer can make us go to, against every address that we must never reach: one table of both.

Checked twice, as we do: when an address is said, and when a socket would open, because a name may lead elsewhere by then and a
host may answer with a redirect.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore
import pytest

from api.issuers import Issuers, Provider, ProviderTrouble
from domain.inventory.rmm import pulling
from domain.outbound import sending, transport
from domain.outbound.destinations import EgressPolicy
from domain.outbound.egress import Egress
from domain.runtime import Runtime
from domain.ticketing import trying
from tests.domain.outbound.receivers import answers, receiver
from tests.makers import Caller, House, expect

INSIDE = "leads to an address that is not on the public internet"
CONNECTWISE = {
    "product": "connectwise",
    "settings": {"company": "bright", "client_id": "0f1e2d3c-0000-4000-8000-000000000000"},
    "credentials": {"public_key": "pub", "private_key": "priv"},
}
REDMINE = {"product": "redmine", "settings": {"external_id_field": 7}, "credentials": {"api_key": "k3y"}}
FORBIDDEN = (
    "127.0.0.1", "[::1]", "0.0.0.0", "10.0.0.5", "172.16.9.9", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "168.63.129.16", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fd00:ec2::254]",
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "metadata.google.internal", "printer.local", "intranet",
)  # fmt: skip


def rmm(url: str) -> dict[str, Any]:
    credentials = {"api_key": "k", "api_secret": "s"}
    return {"name": "RMM", "product": "datto", "base_url": url, "credentials": credentials}


def sso(url: str) -> dict[str, Any]:
    return {"name": "Sign-in", "issuer": url, "client_id": "bitewing", "client_secret": "a secret of the client"}


SAID: dict[str, tuple[str, Callable[[str], dict[str, Any]], str]] = {
    "webhook": ("/webhook-endpoints", lambda url: {"url": url}, "/url"),
    "ticketing": ("/connections", lambda url: {"name": "PSA", "base_url": url, **REDMINE}, "/base_url"),
    "rmm": ("/rmm-connections", rmm, "/base_url"),
    "sign-in": ("/sso-connections", sso, "/issuer"),
}
"""Where an address is said: the path, a body, and what is blamed."""


@pytest.mark.parametrize("kind", list(SAID))
async def test_an_address_inside_is_refused_where_it_is_said(kind: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    strict(monkeypatch)
    msp = await house.tenant()
    path, body, blamed = SAID[kind]
    for host in FORBIDDEN:
        refused = expect(await msp.post(path, body(f"https://{host}/in")), 422)
        assert [each["pointer"] for each in refused["errors"]] == [blamed], host
    for url in (
        "http://hooks.example.com/",
        "https://u:p@hooks.example.com/",
        "https://hooks.example.com:22/",
        "file:///etc/passwd",
    ):
        refused = expect(await msp.post(path, body(url)), 422)
        assert [each["pointer"] for each in refused["errors"]] == [blamed], url
    assert (await msp.get_json(path))["data"] == [], "none of them is there"
    expect(await msp.post(path, body("https://hooks.example.com/in")), 201)


# --- when a socket would open -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trip:
    """A tenant's address, and the means to have us go there."""

    msp: Caller
    house: House
    runtime: Runtime
    policy: EgressPolicy
    url: str

    def job(self, **ids: str) -> dict[str, str]:
        return {"tenant_id": str(self.msp.tenant_id), **ids}


async def webhook(trip: Trip) -> str:
    endpoint = await trip.msp.make("/webhook-endpoints", {"url": trip.url, "enabled": False})
    delivery = expect(await trip.msp.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
    await sending.send(trip.runtime, trip.job(endpoint_id=endpoint["id"], run=delivery["id"]))
    [attempt] = (await trip.msp.get_json(f"/deliveries/{delivery['id']}"))["history"]
    return str(attempt["detail"])


async def ticketing(trip: Trip) -> str:
    connection = await trip.msp.make("/connections", {"name": "PSA", "base_url": trip.url, **REDMINE})
    at = f"/connections/{connection['id']}"
    where = {"organization_id": await trip.house.organization(trip.msp), "target": {"project": "p"}}
    mapping = await trip.msp.make(f"{at}/mappings", where)
    test = expect(await trip.msp.post(f"{at}/test"), 202)
    await trying.try_out(trip.runtime, trip.job(connection_id=connection["id"], mapping_id=mapping["id"], test_id=test["id"]))
    return str((await trip.msp.get_json(at))["last_test"]["steps"])


async def inventory(trip: Trip) -> str:
    connection = await trip.msp.make("/rmm-connections", rmm(trip.url))
    run = expect(await trip.msp.post(f"/rmm-connections/{connection['id']}/runs"), 202)
    await pulling.pull(trip.runtime, trip.job(run_id=run["id"]))
    return str(await trip.msp.get_json(f"/rmm-runs/{run['id']}"))


async def discovery(trip: Trip) -> str:
    with pytest.raises(ProviderTrouble) as trouble:
        await Issuers(Egress(trip.policy), trip.policy).provider(trip.url)
    return trouble.value.detail


async def keys_of_a_provider(trip: Trip) -> str:
    provider = Provider(
        issuer=trip.url,
        authorization_endpoint=trip.url,
        token_endpoint=trip.url,
        jwks_uri=trip.url,
        userinfo_endpoint=None,
        takes_secret_in_body=False,
        names_itself=False,
    )
    with pytest.raises(ProviderTrouble) as trouble:
        await Issuers(Egress(trip.policy), trip.policy).keys(provider)
    return trouble.value.detail


async def key_of_a_callback(trip: Trip) -> str:
    connection = await trip.msp.make("/connections", {"name": "PSA", "base_url": trip.url, **CONNECTWISE})
    said = json.dumps({"ID": 7, "Metadata": {"key_url": trip.url}}).encode()
    mac = hmac.new(hashlib.sha256(b"").digest(), said, "sha256").digest()
    path = "/v1" + connection["callback_url"].split("/v1", 1)[1]
    headers = {"x-content-signature": base64.b64encode(mac).decode()}
    return (await trip.msp.http.post(path, content=said, headers=headers)).text


TRIPS: tuple[tuple[Callable[[Trip], Awaitable[str]], str | None], ...] = (
    (webhook, INSIDE),
    (ticketing, INSIDE),
    (inventory, INSIDE),
    (discovery, INSIDE),
    (keys_of_a_provider, INSIDE),
    # Whoever calls back is a stranger, and learns nothing about our network.
    (key_of_a_callback, "its key could not be fetched"),
)
"""How we come to go to an address, and what is said when it leads inside."""
each_trip = pytest.mark.parametrize(("go", "said"), TRIPS, ids=[go.__name__ for go, _ in TRIPS])
REBOUND = ("127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe")


@each_trip
async def test_a_name_that_leads_inside_opens_no_socket(
    go: Callable[[Trip], Awaitable[str]], said: str, house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name was clean when it was said; by the time we go it leads to one address inside beside one outside."""
    strict(monkeypatch)
    dialled = watch(monkeypatch)
    msp = await house.tenant()
    for number, inside in enumerate(REBOUND):

        async def leads_inside(_: Any, host: str, port: int, inside: str = inside) -> Sequence[str]:
            return ["93.184.215.14", inside]

        monkeypatch.setattr(transport.SystemResolver, "__call__", leads_inside)
        trip = Trip(msp, house, runtime, EgressPolicy(), f"https://rebound{number}.example.com/in")
        assert said in await go(trip), inside
    assert dialled == []


@each_trip
async def test_a_redirect_is_not_followed(
    go: Callable[[Trip], Awaitable[str]], said: str, house: House, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled = watch(monkeypatch)
    msp = await house.tenant()
    async with receiver(answers(302, location="http://169.254.169.254/latest/meta-data/")) as host:
        trip = Trip(msp, house, runtime, EgressPolicy.of(runtime.settings), host.url())
        assert "169.254" not in await go(trip)
        assert len(host.heads) >= 1
    assert set(dialled) == {"127.0.0.1"}


def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy of an installation that allows nothing more, where the other tests speak to this machine."""
    # A lambda's parameters have no types.
    monkeypatch.setattr(EgressPolicy, "of", classmethod(lambda cls, settings: cls()))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address to which a socket is opened."""
    dialled: list[str] = []
    # httpcore declares a second, empty class of this name for when anyio is missing, and pyright sees only that.
    backend: Any = httpcore.AnyIOBackend
    connect = backend.connect_tcp

    async def noted(self: Any, host: str, *arguments: Any, **named: Any) -> Any:
        dialled.append(host)
        return await connect(self, host, *arguments, **named)

    monkeypatch.setattr(backend, "connect_tcp", noted)
    return dialled
