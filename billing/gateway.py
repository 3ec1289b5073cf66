"""The way to Stripe: the only file that knows its library. Everything goes in and comes out as plain objects.

Every POST carries an idempotency key, which ``billing/calls.py`` has stored before. Two kinds need no row: products and prices,
whose names are their keys, and a page of the portal, which makes nothing that lasts. The API's version is pinned: fields have
moved between versions, and the library's own default would move with an upgrade.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import stripe

from domain.settings import Settings

API_VERSION = "2026-10-28.endive"
PATIENCE_SECONDS = 30
MOST_LISTED = 10_000


class StripeRefused(Exception):
    """Stripe said no, and would again: a parameter is wrong, a card was refused. The message is its code, never a value."""


class StripeUnavailable(Exception):
    """Stripe could not be reached, is busy or failed: to be tried again under the same key."""


class NotStripes(Exception):
    """A webhook whose signature is missing, wrong or too old."""


class Gateway:
    def __init__(self, settings: Settings) -> None:
        assert settings.stripe_api_key is not None, "only where Stripe keeps the ledger"
        addresses = {"base_addresses": {"api": settings.stripe_api_base}} if settings.stripe_api_base else {}
        self._http = stripe.HTTPXClient(timeout=PATIENCE_SECONDS, allow_sync_methods=False)
        self._client: Any = stripe.StripeClient(
            settings.stripe_api_key.get_secret_value(),
            stripe_version=API_VERSION,
            http_client=self._http,
            max_network_retries=2,
            **addresses,  # pyright: ignore[reportArgumentType]  a plain mapping is accepted
        )

    async def call(self, verb: str, target: str | None, params: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """One changing call, such as ``invoices.create``; ``target`` is the id of what is changed."""
        service, _, act = verb.rpartition(".")
        method = getattr(self._service(service), f"{act}_async")
        said = (target,) if target else ()
        return await _answered(lambda: method(*said, dict(params), {"idempotency_key": key}))

    async def read(self, service: str, id: str) -> dict[str, Any]:
        return await _answered(lambda: self._service(service).retrieve_async(id))

    async def each(self, service: str, **filters: Any) -> AsyncIterator[dict[str, Any]]:
        """Every object of a list, page by page."""
        after: dict[str, str] = {}
        for _ in range(MOST_LISTED // 100):
            params = {"limit": 100, **filters, **after}
            page = await _answered(lambda said=params: self._service(service).list_async(said))
            for each in page["data"]:
                yield each
            if not page["has_more"] or not page["data"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}

    async def close(self) -> None:
        await self._http.close_async()

    def _service(self, name: str) -> Any:
        found = self._client.v1
        for part in name.split("."):
            found = getattr(found, part)
        return found


@asynccontextmanager
async def reached(settings: Settings) -> AsyncGenerator[Gateway]:
    """The way to Stripe for a while; its connections are closed afterwards."""
    gateway = Gateway(settings)
    try:
        yield gateway
    finally:
        await gateway.close()


def read_event(body: bytes, signature: str, secret: str) -> dict[str, Any]:
    """The event that Stripe signed; NotStripes for anything else. ``body`` as it came: a single other byte breaks it."""
    try:
        event: Any = stripe.Webhook.construct_event(body, signature, secret)  # pyright: ignore[reportUnknownMemberType]  untyped there
    except (ValueError, stripe.SignatureVerificationError):
        raise NotStripes from None
    return event.to_dict()


def midnight(day: date) -> int:
    """As Stripe writes the moment at which a day begins."""
    return int(datetime.combine(day, time(), UTC).timestamp())


async def _answered(act: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    try:
        found = await act()
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise StripeUnavailable(type(error).__name__) from None
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500 or error.http_status == 409:
            raise StripeUnavailable(type(error).__name__) from None
        raise StripeRefused(f"{type(error).__name__} {error.code or error.http_status}") from None
    return found.to_dict()
