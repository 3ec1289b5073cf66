"""A small Stripe for tests: its own ledger, its own clock, and whatever can go wrong on the way to it.

Parameters are held against the library's own types (``stripe_words``): an unknown one or a wrong choice is a 400. The real
library talks to it over HTTP.

Assumed from Stripe's documentation and the library's types, and not yet seen at a real Stripe:

- a key that is used again with the same words gives the same answer, with other words a 400 ``idempotency_error``; keys are
  kept here until told otherwise, at Stripe for a day
- a new subscription with ``send_invoice`` is active and invoiced at once; with a later ``billing_cycle_anchor`` and
  ``proration_behavior=none`` it is invoiced for the first time on that day
- a change with ``proration_behavior=none`` writes no invoice and changes the next one
- a renewal writes one invoice with a line for each item, takes the pending invoice items of its subscription along, and is
  finalized (at Stripe about an hour later, here at once)
- an invoice is created as a draft; ``pending_invoice_items_behavior=exclude`` takes nothing along; finalizing gives it a
  number and, with ``send_invoice``, a due date that many days later; one of nought is paid at once
- a card that is refused leaves the invoice open with one attempt more and the subscription ``past_due``; paid, it is active
- a send_invoice subscription is ``past_due`` once an invoice of it is past its due date
- a checkout with a later ``billing_cycle_anchor`` and ``proration_behavior=none`` charges nothing until that day; filled in
  after that day, it charges a whole year at once
- an invoice that is charged automatically takes the card of its subscription; the customer has none of its own, because a
  checkout puts its card on the subscription
- with automatic tax a customer whose address is not known is a 400 ``customer_tax_location_invalid``; a checkout with
  ``customer_update[address]=auto`` asks for it and keeps it with the customer
- a quote is a draft, then open with a number, then accepted or canceled; accepting one makes a subscription that is invoiced
  at once, or with an ``effective_date`` that lies ahead a schedule, which makes its subscription on that day; one that has
  expired is canceled; only one that is open can be accepted, only a draft or an open one canceled
- a schedule that has not started can be canceled and then makes nothing; its subscription names it
- an open checkout page can be expired and then takes no card; metadata of a customer is merged when it is changed
- events hold the object as it was; they come at least once and in any order
- dates are midnights in UTC, because the clock here moves by days
"""

import itertools
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from billing.prices import years_after
from tests.billing.stripe_words import params_of

Thing = dict[str, Any]
TAX_PERCENT = 8
"""Wherever somebody is."""
WORDS = {
    "POST /v1/customers": "CustomerCreateParams",
    "POST /v1/customers/{id}": "CustomerUpdateParams",
    "GET /v1/customers": "CustomerListParams",
    "POST /v1/products": "ProductCreateParams",
    "GET /v1/products": "ProductListParams",
    "POST /v1/prices": "PriceCreateParams",
    "GET /v1/prices": "PriceListParams",
    "POST /v1/subscriptions": "SubscriptionCreateParams",
    "GET /v1/subscriptions": "SubscriptionListParams",
    "POST /v1/subscriptions/{id}": "SubscriptionUpdateParams",
    "DELETE /v1/subscriptions/{id}": "SubscriptionCancelParams",
    "POST /v1/invoices": "InvoiceCreateParams",
    "GET /v1/invoices": "InvoiceListParams",
    "POST /v1/invoices/{id}/finalize": "InvoiceFinalizeInvoiceParams",
    "POST /v1/invoiceitems": "InvoiceItemCreateParams",
    "GET /v1/invoiceitems": "InvoiceItemListParams",
    "POST /v1/checkout/sessions": "checkout.SessionCreateParams",
    "POST /v1/checkout/sessions/{id}/expire": "checkout.SessionExpireParams",
    "GET /v1/checkout/sessions": "checkout.SessionListParams",
    "POST /v1/quotes": "QuoteCreateParams",
    "GET /v1/quotes": "QuoteListParams",
    "POST /v1/quotes/{id}/finalize": "QuoteFinalizeQuoteParams",
    "POST /v1/quotes/{id}/accept": "QuoteAcceptParams",
    "POST /v1/quotes/{id}/cancel": "QuoteCancelParams",
    "GET /v1/subscription_schedules": "SubscriptionScheduleListParams",
    "POST /v1/subscription_schedules/{id}/cancel": "SubscriptionScheduleCancelParams",
    "POST /v1/billing_portal/sessions": "billing_portal.SessionCreateParams",
}


class Refusal(Exception):
    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str | None = None
    ) -> None:
        self.status, self.body = status, {"error": {"message": message, "type": kind, "code": code}}


class FakeStripe:
    def __init__(self, day: date) -> None:
        self.day = day
        self.things: dict[str, dict[str, Thing]] = {}
        self.events: list[Thing] = []
        self.keys: dict[str, tuple[str, int, Any]] = {}
        self.requests: list[str] = []
        self.refused_cards: set[str] = set()
        """Customers whose card is refused."""
        self.faults: list[str] = []
        """What happens to the next changing requests: ``429``, ``500``, ``lost`` (done, but no answer comes), or ``ok``."""
        self.before_answer: Callable[[str], Awaitable[None]] | None = None
        """Called with what was done, before the answer leaves: so an event can come before our commit."""
        self._numbers = itertools.count(1)
        self._name = secrets.token_hex(6)
        routes = [Route("/{path:path}", self._serve, methods=["GET", "POST", "DELETE"])]
        self.app = Starlette(routes=routes)

    # --- the clock -------------------------------------------------------------------------------------------------------

    def pass_days(self, until: date) -> None:
        while self.day < until:
            self.day += timedelta(days=1)
            for schedule in self._all("subscription_schedule"):
                if schedule["status"] == "not_started" and _day(schedule["phases"][0]["start_date"]) <= self.day:
                    self._start(schedule)
            for quote in self._all("quote"):
                if quote["status"] in {"draft", "open"} and _day(quote["expires_at"]) <= self.day:
                    self._cancel_quote(quote)
            for subscription in list(self._all("subscription")):
                ends = _day(subscription["items"]["data"][0]["current_period_end"])
                if subscription["status"] in {"active", "past_due"} and ends <= self.day:
                    self._renew(subscription)
            for invoice in self._all("invoice"):
                due = invoice["due_date"]
                if invoice["status"] == "open" and due and _day(due) < self.day:
                    self._late(invoice)

    def _quote(self, said: Thing) -> Thing:
        self._check_tax(said)
        for each in said["line_items"]:
            self._get("price", each["price"])
        quote = {**said, "status": "draft", "number": None, "subscription": None, "subscription_schedule": None}
        return self._make("quote", "qt", quote)

    def _finalize_quote(self, quote: Thing) -> Thing:
        if quote["status"] != "draft":
            raise Refusal("Only a draft quote can be finalized")
        quote |= {"status": "open", "number": f"QT-FAKE-{next(self._numbers):06d}"}
        self._tell("quote.finalized", quote)
        return quote

    def _accept_quote(self, quote: Thing) -> Thing:
        if quote["status"] != "open":
            raise Refusal("Only an open quote can be accepted")
        more = _part(quote, "subscription_data")
        start = _day(more.get("effective_date") or 0)
        said: Thing = {
            "customer": quote["customer"],
            "items": quote["line_items"],
            "collection_method": quote["collection_method"],
            "days_until_due": quote["invoice_settings"]["days_until_due"],
            "metadata": more.get("metadata"),
            "automatic_tax": quote.get("automatic_tax"),
        }
        quote["status"] = "accepted"
        if start > self.day:
            schedule = {
                "customer": quote["customer"],
                "status": "not_started",
                "subscription": None,
                "phases": [{"start_date": _at(start), "metadata": more.get("metadata")}],
                "_said": said,
            }
            quote["subscription_schedule"] = self._make("subscription_schedule", "sub_sched", schedule)["id"]
        else:
            quote["subscription"] = self._subscribe(said)["id"]
        self._tell("quote.accepted", quote)
        return quote

    def _cancel_quote(self, quote: Thing) -> Thing:
        if quote["status"] not in {"draft", "open"}:
            raise Refusal("Only a draft or an open quote can be canceled")
        quote["status"] = "canceled"
        self._tell("quote.canceled", quote)
        return quote

    def _start(self, schedule: Thing) -> None:
        schedule["subscription"] = self._subscribe({**schedule["_said"], "_schedule": schedule["id"]})["id"]
        schedule["status"] = "active"
        self._tell("subscription_schedule.updated", schedule)

    def _cancel_schedule(self, schedule: Thing) -> Thing:
        if schedule["status"] != "not_started":
            raise Refusal("this fake cancels no schedule that has started")
        schedule["status"] = "canceled"
        self._tell("subscription_schedule.canceled", schedule)
        return schedule

    def _late(self, invoice: Thing) -> None:
        subscription = self._get("subscription", invoice["_subscription"]) if invoice["_subscription"] else None
        if subscription is not None and subscription["status"] == "active":
            subscription["status"] = "past_due"
            self._tell("customer.subscription.updated", subscription)

    def _renew(self, subscription: Thing) -> None:
        first = subscription.pop("_first", None)
        start = _day(subscription["items"]["data"][0]["current_period_end"])
        end = years_after(first or start, 1)
        for item in subscription["items"]["data"]:
            item["current_period_start"], item["current_period_end"] = _at(start), _at(end)
        self._invoice_period(subscription, start, end)
        self._tell("customer.subscription.updated", subscription)

    def pay(self, invoice_id: str) -> None:
        """The bank says that the money came; or the card is good again."""
        invoice = self._get("invoice", invoice_id)
        invoice |= {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0}
        invoice["status_transitions"]["paid_at"] = _at(self.day)
        self._tell("invoice.paid", invoice)
        if invoice["_subscription"]:
            subscription = self._get("subscription", invoice["_subscription"])
            late = [
                each
                for each in self._all("invoice")
                if each["_subscription"] == subscription["id"] and each["status"] == "open" and each["attempt_count"]
            ]
            if not late and subscription["status"] == "past_due":
                subscription["status"] = "active"
                self._tell("customer.subscription.updated", subscription)

    def complete_checkout(self, session_id: str) -> None:
        """Somebody typed a card in and was charged."""
        session = self._get("checkout.session", session_id)
        assert session["status"] == "open", "nobody can pay on a page that has ended"
        asked: Thing = session["_asked"]
        more: Thing = asked.get("subscription_data") or {}
        if _part(asked, "customer_update").get("address") == "auto":
            self._get("customer", session["customer"])["address"] = {"country": "US", "postal_code": "60601"}
        said: Thing = {
            "customer": session["customer"],
            "items": asked["line_items"],
            "collection_method": "charge_automatically",
            "metadata": more.get("metadata", {}),
            "automatic_tax": asked.get("automatic_tax"),
            "_card": True,
        }
        if _day(more.get("billing_cycle_anchor") or 0) > self.day:
            said |= {name: more[name] for name in ("billing_cycle_anchor", "proration_behavior")}
        subscription = self._subscribe(said)
        session |= {"status": "complete", "subscription": subscription["id"]}
        self._tell("checkout.session.completed", session)

    # --- what is done ----------------------------------------------------------------------------------------------------

    def _make(self, kind: str, prefix: str, thing: Thing) -> Thing:
        made: Thing = {
            "id": f"{prefix}_{next(self._numbers):06d}",
            "object": kind,
            "created": _at(self.day),
            "metadata": {},
            **thing,
        }
        made["metadata"] = made["metadata"] or {}
        self.things.setdefault(kind, {})[made["id"]] = made
        return made

    def _get(self, kind: str, id: str) -> Thing:
        found = self.things.get(kind, {}).get(id)
        if found is None:
            raise Refusal(f"No such {kind}", status=404, code="resource_missing")
        return found

    def _all(self, kind: str) -> list[Thing]:
        return list(self.things.get(kind, {}).values())

    def _tell(self, kind: str, thing: Thing) -> None:
        self.events.append(
            {
                "id": f"evt_{self._name}_{next(self._numbers):06d}",
                "object": "event",
                "type": kind,
                "created": _at(self.day),
                "data": {"object": json.loads(json.dumps(_shown(thing)))},
            }
        )

    def _item(self, said: Thing, start: date, end: date) -> Thing:
        price = self._get("price", said["price"])
        return {
            "id": f"si_{next(self._numbers):06d}",
            "object": "subscription_item",
            "price": price,
            "quantity": said.get("quantity") or 1,
            "current_period_start": _at(start),
            "current_period_end": _at(end),
        }

    def _subscribe(self, said: Thing) -> Thing:
        self._get("customer", said["customer"])
        anchor = _day(said["billing_cycle_anchor"]) if said.get("billing_cycle_anchor") else None
        if anchor and said.get("proration_behavior") != "none":
            raise Refusal("this fake prorates nothing")
        if anchor and not self.day < anchor <= years_after(self.day, 1):
            raise Refusal("billing_cycle_anchor must lie ahead, and before the next natural billing date")
        self._check_tax(said)
        end = anchor or years_after(self.day, 1)
        items = [self._item(each, self.day, end) for each in said["items"]]
        subscription = self._make(
            "subscription",
            "sub",
            {
                "customer": said["customer"],
                "status": "active",
                "collection_method": said.get("collection_method", "charge_automatically"),
                "days_until_due": said.get("days_until_due"),
                "items": {"object": "list", "data": items, "has_more": False},
                "metadata": said.get("metadata") or {},
                "automatic_tax": said.get("automatic_tax"),
                "billing_cycle_anchor": _at(anchor or self.day),
                "schedule": said.get("_schedule"),
                "ended_at": None,
                "_card": said.get("_card", False),
            },
        )
        self._tell("customer.subscription.created", subscription)
        if anchor is None:
            self._invoice_period(subscription, self.day, end)
        return subscription

    def _check_tax(self, said: Thing) -> None:
        """No tax can be worked out for a customer who is nowhere."""
        place: Thing = self._get("customer", said["customer"]).get("address") or {}
        known = place.get("country") and (place["country"] != "US" or place.get("postal_code"))
        if _part(said, "automatic_tax").get("enabled") and not known:
            raise Refusal("The customer's location is not known", code="customer_tax_location_invalid")

    def _change(self, subscription: Thing, said: Thing) -> Thing:
        if said.get("items") and said.get("proration_behavior") != "none":
            raise Refusal("this fake prorates nothing")
        data: list[Thing] = subscription["items"]["data"]
        start, end = (_day(data[0][f"current_period_{edge}"]) for edge in ("start", "end"))
        changes: list[Thing] = said.get("items") or []
        for each in changes:
            if each.get("id"):
                [there] = [item for item in data if item["id"] == each["id"]]
                if each.get("deleted"):
                    data.remove(there)
                else:
                    there["quantity"] = each["quantity"]
            elif any(item["price"]["id"] == each["price"] for item in data):
                raise Refusal("There is an item with this price already.")
            else:
                data.append(self._item(each, start, end))
        self._tell("customer.subscription.updated", subscription)
        return subscription

    def _cancel(self, subscription: Thing) -> Thing:
        subscription |= {"status": "canceled", "ended_at": _at(self.day)}
        self._tell("customer.subscription.deleted", subscription)
        return subscription

    def _invoice_period(self, subscription: Thing, start: date, end: date) -> None:
        lines = [
            _line(
                f"{item['quantity']} x Bitewing", item["price"]["unit_amount"] * item["quantity"], item["quantity"], start, end
            )
            for item in subscription["items"]["data"]
        ]
        for item in self._all("invoiceitem"):
            if item["invoice"] is None and item["subscription"] == subscription["id"]:
                lines.append(self._line_of(item))
        invoice = self._draft({**subscription, "metadata": None})
        invoice["_subscription"] = invoice["_card_of"] = subscription["id"]
        invoice["parent"] = {"subscription_details": {"subscription": subscription["id"], "metadata": subscription["metadata"]}}
        invoice["lines"]["data"] = lines
        for item in self._all("invoiceitem"):
            if item["invoice"] is None and item["subscription"] == subscription["id"]:
                item["invoice"] = invoice["id"]
        self._finalize(invoice)

    def _draft(self, said: Thing) -> Thing:
        self._check_tax(said)
        return self._make(
            "invoice",
            "in",
            {
                "customer": said["customer"],
                "collection_method": said["collection_method"],
                "automatic_tax": said.get("automatic_tax"),
                "_days": said.get("days_until_due"),
                "_subscription": None,
                "_card_of": said.get("subscription"),
                "parent": None,
                "status": "draft",
                "number": None,
                "currency": "usd",
                "due_date": None,
                "subtotal": 0,
                "total": 0,
                "amount_paid": 0,
                "amount_remaining": 0,
                "attempt_count": 0,
                "status_transitions": {"finalized_at": None, "paid_at": None},
                "lines": {"object": "list", "data": [], "has_more": False},
                "metadata": said.get("metadata") or {},
            },
        )

    def _finalize(self, invoice: Thing) -> Thing:
        if invoice["status"] != "draft":
            raise Refusal("This invoice is already finalized", code="invoice_not_editable")
        total = sum(line["amount"] for line in invoice["lines"]["data"])
        assert total >= 0, "Stripe would turn this into a balance of the customer; we never ask for it"
        taxed = _part(invoice, "automatic_tax").get("enabled")
        due = total + (total * TAX_PERCENT // 100 if taxed else 0)
        invoice |= {"status": "open", "subtotal": total, "total": due, "amount_remaining": due}
        invoice["number"] = f"FAKE-{next(self._numbers):06d}"
        invoice["status_transitions"]["finalized_at"] = _at(self.day)
        if invoice["collection_method"] == "send_invoice":
            invoice["due_date"] = _at(self.day + timedelta(days=invoice["_days"]))
        self._tell("invoice.finalized", invoice)
        if total == 0:
            self.pay(invoice["id"])
        elif invoice["collection_method"] == "charge_automatically":
            self.charge(invoice["id"])
        return invoice

    def charge(self, invoice_id: str) -> None:
        """Try the customer's card."""
        invoice = self._get("invoice", invoice_id)
        invoice["attempt_count"] += 1
        card = invoice["_card_of"] and self._get("subscription", invoice["_card_of"])["_card"]
        if card and invoice["customer"] not in self.refused_cards:
            self.pay(invoice_id)
            return
        self._tell("invoice.payment_failed", invoice)
        if invoice["_subscription"]:
            self._get("subscription", invoice["_subscription"])["status"] = "past_due"
            self._tell("customer.subscription.updated", self._get("subscription", invoice["_subscription"]))

    def _add_item(self, said: Thing) -> Thing:
        item = self._make("invoiceitem", "ii", {"invoice": None, "subscription": None, **said})
        if said.get("invoice"):
            invoice = self._get("invoice", said["invoice"])
            if invoice["status"] != "draft":
                raise Refusal("This invoice is no longer editable", code="invoice_not_editable")
            invoice["lines"]["data"].append(self._line_of(item))
        return item

    def _line_of(self, item: Thing) -> Thing:
        start, end = (_day(item["period"][edge]) for edge in ("start", "end"))
        return _line(item["description"], item["amount"], 1, start, end, item["metadata"])

    # --- HTTP ------------------------------------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> Response:
        path, body = request.url.path, await request.body()
        text = body.decode() if body else str(request.url.query)
        self.requests.append(f"{request.method} {path}")
        fault = self.faults.pop(0) if self.faults and request.method != "GET" else "ok"
        if fault in {"429", "500"}:
            return JSONResponse({"error": {"message": "Not now", "type": "api_error"}}, int(fault))
        try:
            status, answer = self._once(request, path, text)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        if self.before_answer is not None and request.method != "GET":
            await self.before_answer(f"{request.method} {path}")
        if fault == "lost":
            return JSONResponse({"error": {"message": "The answer was lost", "type": "api_error"}}, 500)
        return JSONResponse(answer, status)

    def _once(self, request: Request, path: str, text: str) -> tuple[int, Any]:
        key = request.headers.get("idempotency-key")
        if request.method == "GET" or key is None:
            return 200, _shown(self._act(request.method, path, text))
        if request.headers.get("stripe-version") is None:
            raise Refusal("The version must be pinned")
        asked = f"{request.method} {path}\n{text}"
        if key in self.keys:
            before, status, answer = self.keys[key]
            if before != asked:
                raise Refusal(
                    "Keys for idempotent requests can only be used with the same parameters", kind="idempotency_error"
                )
            return status, answer
        answer = json.loads(json.dumps(_shown(self._act(request.method, path, text))))
        self.keys[key] = (asked, 200, answer)
        return 200, answer

    def _act(self, method: str, path: str, text: str) -> Any:
        pattern = re.sub(r"/(cus|sub|sub_sched|in|ii|cs|price|prod|qt)_\w+", "/{id}", path)
        id = next(
            (part for part in path.split("/") if re.fullmatch(r"(cus|sub|sub_sched|in|ii|cs|price|prod|qt)_\w+", part)), ""
        )
        known = {
            "customers": "customer",
            "subscriptions": "subscription",
            "invoices": "invoice",
            "quotes": "quote",
            "subscription_schedules": "subscription_schedule",
            "sessions": "checkout.session",
        }
        if method == "GET" and pattern.endswith("/{id}"):
            return self._get(known[path.split("/")[-2]], id)
        name = WORDS.get(f"{method} {pattern}")
        if name is None:
            raise Refusal(f"Unrecognized request URL ({method}: {path})", status=404)
        try:
            said = params_of(name).model_validate(_form(text)).model_dump(by_alias=True, exclude_none=True)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise Refusal(f"Received unknown or invalid parameter: {where}", code="parameter_unknown") from None
        return self._do(f"{method} {pattern}", id, said)

    def _do(self, what: str, id: str, said: Thing) -> Any:
        match what:
            case "POST /v1/customers":
                return self._make("customer", "cus", said)
            case "POST /v1/customers/{id}":
                customer = self._get("customer", id)
                customer["metadata"] |= said.pop("metadata", {})
                customer |= said
                return customer
            case "POST /v1/products":
                if said.get("id") in self.things.get("product", {}):
                    raise Refusal("Product already exists", code="resource_already_exists")
                return self._make("product", "prod", said)
            case "POST /v1/prices":
                if any(each["lookup_key"] == said["lookup_key"] for each in self._all("price")):
                    raise Refusal("A price already uses that lookup key", code="resource_already_exists")
                return self._make("price", "price", {"active": True, **said})
            case "POST /v1/subscriptions":
                return self._subscribe(said)
            case "POST /v1/subscriptions/{id}":
                return self._change(self._get("subscription", id), said)
            case "DELETE /v1/subscriptions/{id}":
                return self._cancel(self._get("subscription", id))
            case "POST /v1/invoices":
                assert said["pending_invoice_items_behavior"] == "exclude"
                return self._draft(said)
            case "POST /v1/invoices/{id}/finalize":
                return self._finalize(self._get("invoice", id))
            case "POST /v1/invoiceitems":
                return self._add_item(said)
            case "POST /v1/checkout/sessions":
                if _part(said, "customer_update").get("address") != "auto":
                    self._check_tax(said)
                session = {"customer": said["customer"], "status": "open", "subscription": None, "_asked": said}
                made = self._make("checkout.session", "cs", session)
                made["url"] = f"https://checkout.stripe.example/{made['id']}"
                return made
            case "POST /v1/checkout/sessions/{id}/expire":
                session = self._get("checkout.session", id)
                if session["status"] != "open":
                    raise Refusal("Only Checkout Sessions with a status in [open] can be expired")
                session["status"] = "expired"
                return session
            case "POST /v1/quotes":
                return self._quote(said)
            case "POST /v1/quotes/{id}/finalize":
                return self._finalize_quote(self._get("quote", id))
            case "POST /v1/quotes/{id}/accept":
                return self._accept_quote(self._get("quote", id))
            case "POST /v1/quotes/{id}/cancel":
                return self._cancel_quote(self._get("quote", id))
            case "POST /v1/subscription_schedules/{id}/cancel":
                return self._cancel_schedule(self._get("subscription_schedule", id))
            case "POST /v1/billing_portal/sessions":
                return self._make("billing_portal.session", "bps", {**said, "url": "https://billing.stripe.example/p"})
            case _:
                return self._list(what.rsplit("/", 1)[-1], said)

    def _list(self, name: str, said: Thing) -> Thing:
        kind = {"invoiceitems": "invoiceitem", "sessions": "checkout.session"}.get(name, name.removesuffix("s"))
        found = self._all(kind)
        if kind == "checkout.session" and "status" in said:
            found = [each for each in found if each["status"] == said["status"]]
        for field in ("customer", "active"):
            if field in said:
                found = [each for each in found if each.get(field) == said[field]]
        if "ids" in said:
            found = [each for each in found if each["id"] in said["ids"]]
        if "lookup_keys" in said:
            found = [each for each in found if each["lookup_key"] in said["lookup_keys"]]
        if kind == "subscription" and said.get("status") != "all":
            found = [each for each in found if each["status"] != "canceled"]
        if "starting_after" in said:
            ids = [each["id"] for each in found]
            found = found[ids.index(said["starting_after"]) + 1 :]
        page = found[: said.get("limit", 10)]
        return {"object": "list", "data": page, "has_more": len(found) > len(page)}


def _line(description: str, amount: int, quantity: int, start: date, end: date, metadata: Thing | None = None) -> Thing:
    period = {"start": _at(start), "end": _at(end)}
    return {"description": description, "amount": amount, "quantity": quantity, "period": period, "metadata": metadata or {}}


def _part(thing: Thing, name: str) -> Thing:
    return thing.get(name) or {}


def _shown(thing: Any) -> Any:
    """Without what the fake keeps for itself."""
    if isinstance(thing, dict):
        inner: Thing = thing  # pyright: ignore[reportUnknownVariableType]  JSON
        return {name: _shown(value) for name, value in inner.items() if not name.startswith("_")}
    return [_shown(each) for each in thing] if isinstance(thing, list) else thing  # pyright: ignore[reportUnknownVariableType]  JSON


def _at(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _day(timestamp: int) -> date:
    return datetime.fromtimestamp(int(timestamp), UTC).date()


def _form(text: str) -> Thing:
    """``items[0][price]=x`` as objects and lists."""
    from urllib.parse import parse_qsl

    tree: Thing = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        parts = re.findall(r"[^\[\]]+", name)
        place = tree
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return _listed(tree)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner: Thing = {str(name): _listed(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
