"""Zendesk Support, by API v2. ``external_id`` is a field of its tickets. ``closed`` is final there: nothing more is taken.

https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/ and .../webhooks/verifying/
"""

import base64
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from domain.clock import now
from domain.outbound.tools import Web
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
)  # fmt: skip


class ZendeskSettings(Fields):
    pass


class ZendeskCredentials(Fields):
    email: str = Field(min_length=1, max_length=320)
    api_token: str = Field(min_length=1, max_length=300)


class ZendeskTarget(Fields):
    requester_email: str | None = Field(default=None, max_length=320)
    group_id: int | None = Field(default=None, ge=1)
    organization_id: int | None = Field(default=None, ge=1)
    type: str | None = Field(default=None, pattern="^(problem|incident|question|task)$")


class Zendesk(Connector):
    product = "zendesk"
    Settings = ZendeskSettings
    Credentials = ZendeskCredentials
    Target = ZendeskTarget
    gives_secret = True
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "new": TicketState.open,
        "open": TicketState.in_progress,
        "pending": TicketState.waiting,
        "hold": TicketState.waiting,
        "solved": TicketState.done,
        "closed": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "open",
        TicketState.in_progress: "open",
        TicketState.waiting: "pending",
        TicketState.done: "solved",
    }
    priorities: ClassVar[Mapping[str, str]] = {
        "very_low": "low", "low": "low", "moderate": "normal", "high": "high", "very_high": "urgent",
    }  # fmt: skip

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        pair = f"{account.credentials.email}/token:{account.credentials.api_token}".encode()
        web.headers["authorization"] = "Basic " + base64.b64encode(pair).decode()

    async def create(self, draft: Draft) -> RemoteTicket:
        target = ZendeskTarget.model_validate(draft.target)
        ticket = said_only(
            subject=draft.title[:150],
            comment={"body": draft.text, "public": False},
            external_id=draft.external_id,
            priority=draft.priority,
            requester={"email": target.requester_email, "name": target.requester_email} if target.requester_email else None,
            group_id=target.group_id,
            organization_id=target.organization_id,
            type="task" if draft.due_on else target.type,
            due_at=f"{draft.due_on.isoformat()}T12:00:00Z" if draft.due_on else None,
        )
        return self._ticket((await self.web.post("/api/v2/tickets", {"ticket": ticket}))["ticket"])

    async def update(self, id: str, changes: Changes) -> None:
        ticket = said_only(
            subject=changes.title[:150] if changes.title else None,
            comment={"body": changes.text, "public": False} if changes.text else None,
            priority=changes.priority,
            due_at=f"{changes.due_on.isoformat()}T12:00:00Z" if changes.due_on else None,
            status=changes.status,
        )
        if ticket:
            await self.web.put(f"/api/v2/tickets/{id}", {"ticket": ticket})

    async def comment(self, id: str, text: str) -> None:
        await self.web.put(f"/api/v2/tickets/{id}", {"ticket": {"comment": {"body": text, "public": False}}})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        """The first one is the ticket's own text."""
        found: list[RemoteComment] = []
        query: dict[str, str] = {"page[size]": "100"}
        while True:
            page = await self.web.get(f"/api/v2/tickets/{id}/comments", query)
            found += [
                RemoteComment(id=str(each["id"]), text=each.get("plain_body") or each["body"]) for each in page["comments"]
            ]
            if not page.get("meta", {}).get("has_more"):
                return found[1:]
            query["page[after]"] = page["meta"]["after_cursor"]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = (await self.web.get("/api/v2/tickets", {"external_id": external_id}))["tickets"]
        return self._ticket(found[0]) if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket((await self.web.get(f"/api/v2/tickets/{id}"))["ticket"])

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        # Its incremental export refuses a start within the last minute.
        start = min(moment, now() - timedelta(minutes=2))
        found: list[RemoteTicket] = []
        query = {"start_time": str(int(start.timestamp()))}
        while True:
            page = await self.web.get("/api/v2/incremental/tickets/cursor", query)
            found += [self._ticket(each) for each in page["tickets"]]
            if page.get("end_of_stream", True):
                return found
            query = {"cursor": page["after_cursor"]}

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        return RemoteTicket(
            id=str(said["id"]),
            status=said["status"],
            gone=said["status"] == "deleted",
            external_id=said.get("external_id"),
            url=f"{self.account.base_url.rstrip('/')}/agent/tickets/{said['id']}",
            updated_at=signatures.iso_moment(said.get("updated_at") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        moment = callback.headers.get("x-zendesk-webhook-signature-timestamp", "")
        signatures.expect_hmac(callback, "x-zendesk-webhook-signature", hexadecimal=False, before=moment.encode())
        signatures.expect_recent(callback, signatures.iso_moment(moment))
        said = signatures.json_object(callback)
        ticket: Any = said.get("ticket_id") or signatures.within(said, "detail", "id")
        if not str(ticket or "").isdigit():
            raise refuse_callback("it names no ticket.")
        key = callback.headers.get("x-zendesk-webhook-invocation-id") or signatures.content_key(callback)
        return [Hint(key=key[:200], ticket_id=str(ticket))]
