"""Request Tracker 5 by REST 2.0. A custom field of tickets, ``ExternalID`` unless said otherwise, holds our id.

The surprising fact: RT answers 200 to a status that it does not know, with a sentence in the body, so success is read from
what the ticket says afterwards. https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html
"""

import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from domain.outbound.tools import ToolFailed, Trouble, Web
from domain.tenancy import Fields
from domain.ticketing import signatures
from domain.ticketing.connector import (
    Account,
    Callback,
    Changes,
    Connector,
    Draft,
    Hint,
    RemoteComment,
    RemoteTicket,
    TicketState,
    refuse_callback,
    said_only,
)

_NAME = r"^[A-Za-z0-9 _.-]+$"
_PAGE = 100
_MOST_CHANGED = 20_000
"""As after a week without us: what is cut off here would not be asked for again."""


class RequestTrackerSettings(Fields):
    external_id_field: str = Field(default="ExternalID", min_length=1, max_length=100, pattern=_NAME)


class RequestTrackerCredentials(Fields):
    token: str = Field(min_length=1, max_length=300)


class RequestTrackerTarget(Fields):
    queue: str = Field(min_length=1, max_length=200)
    requestor: str | None = Field(default=None, max_length=320)
    owner: str | None = Field(default=None, max_length=200)


class RequestTracker(Connector):
    product = "request_tracker"
    Settings = RequestTrackerSettings
    Credentials = RequestTrackerCredentials
    Target = RequestTrackerTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "new": TicketState.open,
        "open": TicketState.in_progress,
        "stalled": TicketState.waiting,
        "resolved": TicketState.done,
        "rejected": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "new",
        TicketState.in_progress: "open",
        TicketState.waiting: "stalled",
        TicketState.done: "resolved",
    }
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "0", "low": "20", "moderate": "40", "high": "60", "very_high": "100"}

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        web.headers["authorization"] = f"token {account.credentials.token}"

    async def create(self, draft: Draft) -> RemoteTicket:
        target = RequestTrackerTarget.model_validate(draft.target)
        body: dict[str, Any] = {
            "Queue": target.queue,
            "Subject": draft.title,
            "Content": draft.text,
            "ContentType": "text/plain",
            "CustomFields": {self._field: draft.external_id},
            **said_only(Requestor=target.requestor, Owner=target.owner, Priority=draft.priority, Due=_day(draft)),
        }
        made = await self.web.post("/REST/2.0/ticket", body)
        return await self.get(str(made["id"]))

    async def update(self, id: str, changes: Changes) -> None:
        body = said_only(Subject=changes.title, Priority=changes.priority, Due=_day(changes), Status=changes.status)
        if body:
            await self.web.put(f"/REST/2.0/ticket/{id}", body)
        if changes.status is not None and (await self.get(id)).status != changes.status:
            raise ToolFailed(Trouble.refused, f"The ticket did not take the status {changes.status!r}.")
        if changes.text is not None:
            await self._say(id, changes.text)

    async def comment(self, id: str, text: str) -> None:
        await self._say(id, text)

    async def _say(self, id: str, text: str) -> None:
        # A comment, not correspondence: that would be mailed to the requestor and would open a ticket again.
        await self.web.post(f"/REST/2.0/ticket/{id}/comment", {"Content": text, "ContentType": "text/plain"})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        found: list[RemoteComment] = []
        for each in await self._pages(f"/REST/2.0/ticket/{id}/history", {"fields": "Type,Creator,Created"}):
            if each.get("Type") in ("Comment", "Correspond") and str(each["id"]) not in known:
                text = await self._text_of(str(each["id"]))
                if text:
                    found.append(RemoteComment(id=str(each["id"]), text=text, author=_name(each.get("Creator"))))
        return found

    async def _text_of(self, transaction_id: str) -> str:
        """A transaction's own content. RT lists its attachments, of which the first readable one is the text."""
        query = {"fields": "ContentType,Content"}
        for part in await self._pages(f"/REST/2.0/transaction/{transaction_id}/attachments", query):
            if str(part.get("ContentType", "")).startswith("text/plain") and part.get("Content"):
                return str(part["Content"])
        return ""

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        query = f"CF.{{{self._field}}} = '{_quoted(external_id)}'"
        found = await self._search(query, most=1)
        return found[0] if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket(await self.web.get(f"/REST/2.0/ticket/{id}"))

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        # RT reads a moment in the zone of its own settings, but for this one form.
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return await self._search(f"LastUpdated >= '{since}' AND CF.{{{self._field}}} IS NOT NULL", most=_MOST_CHANGED)

    async def _search(self, query: str, *, most: int) -> list[RemoteTicket]:
        fields = {"query": query, "fields": "Status,LastUpdated,CustomFields", "orderby": "LastUpdated"}
        return [self._ticket(each) for each in await self._pages("/REST/2.0/tickets", fields, most=most)]

    async def _pages(self, path: str, query: Mapping[str, str], *, most: int = 1000) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        page = 1
        while len(items) < most:
            found = await self.web.get(path, {**query, "per_page": str(_PAGE), "page": str(page)})
            items += found.get("items", [])
            if page >= int(found.get("pages") or 1):
                break
            page += 1
        return items[:most]

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        id = str(said["id"])
        fields: list[dict[str, Any]] = said.get("CustomFields") or []
        external = next((each.get("values") for each in fields if each.get("name") == self._field), None)
        return RemoteTicket(
            id=id,
            status=str(said.get("Status", "")),
            gone=said.get("Status") == "deleted",
            external_id=str(external[0]) if external else None,
            url=f"{self.account.base_url.rstrip('/')}/Ticket/Display.html?id={id}",
            updated_at=signatures.iso_moment(str(said.get("LastUpdated") or "")),
        )

    @property
    def _field(self) -> str:
        return self.account.settings.external_id_field

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """RT calls by a scrip of the administrator's: JSON with ``ticket`` and ``txn``, and the body's HMAC in a header."""
        signatures.expect_hmac(callback, "x-rt-signature", prefix="sha256=")
        said = signatures.json_object(callback)
        ticket = said.get("ticket")
        if not isinstance(ticket, int | str) or not re.fullmatch(r"\d{1,18}", str(ticket)):
            raise refuse_callback("it names no ticket.")
        return [Hint(key=f"{ticket}:{said.get('txn', signatures.content_key(callback))}"[:200], ticket_id=str(ticket))]


def _day(said: Draft | Changes) -> str | None:
    return f"{said.due_on.isoformat()} 00:00:00" if said.due_on else None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _name(creator: Any) -> str | None:
    return str(creator["id"]) if isinstance(creator, dict) and "id" in creator else None  # pyright: ignore[reportUnknownArgumentType]  JSON
