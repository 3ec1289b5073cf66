"""Freshservice, by API v2. A tag ``bitewing-<our id>`` finds a ticket again; its filter shows new ones after a while.

Its Workflow Automator calls us with a header of the customer's choosing, unsigned: so the header carries the secret.
"""

import base64
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

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

_TAG = "bitewing-"
_SOURCE_PORTAL = 2


class FreshserviceSettings(Fields):
    workspace_id: int | None = Field(default=None, ge=1)


class FreshserviceCredentials(Fields):
    api_key: str = Field(min_length=1, max_length=300)


class FreshserviceTarget(Fields):
    email: str = Field(min_length=3, max_length=320, description="The requester.")
    group_id: int | None = Field(default=None, ge=1)
    department_id: int | None = Field(default=None, ge=1, description="In MSP accounts: the company.")
    category: str | None = Field(default=None, max_length=200)


class Freshservice(Connector):
    product = "freshservice"
    Settings = FreshserviceSettings
    Credentials = FreshserviceCredentials
    Target = FreshserviceTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "2": TicketState.open,
        "3": TicketState.waiting,
        "4": TicketState.done,
        "5": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {TicketState.open: "2", TicketState.waiting: "3", TicketState.done: "4"}
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "1", "low": "1", "moderate": "2", "high": "3", "very_high": "4"}
    settles_after = timedelta(seconds=120)

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        web.headers["authorization"] = "Basic " + base64.b64encode(f"{account.credentials.api_key}:X".encode()).decode()

    async def create(self, draft: Draft) -> RemoteTicket:
        target = FreshserviceTarget.model_validate(draft.target)
        body = said_only(
            subject=draft.title[:255],
            description=_html(draft.text),
            status=2,
            priority=int(draft.priority or "2"),
            source=_SOURCE_PORTAL,
            tags=[_TAG + draft.external_id],
            due_by=f"{draft.due_on.isoformat()}T23:59:00Z" if draft.due_on else None,
            workspace_id=self.account.settings.workspace_id,
            **target.model_dump(),
        )
        return self._ticket((await self.web.post("/api/v2/tickets", body))["ticket"])

    async def update(self, id: str, changes: Changes) -> None:
        body = said_only(
            subject=changes.title[:255] if changes.title else None,
            description=_html(changes.text) if changes.text else None,
            priority=int(changes.priority) if changes.priority else None,
            due_by=f"{changes.due_on.isoformat()}T23:59:00Z" if changes.due_on else None,
            status=int(changes.status) if changes.status else None,
        )
        if body:
            await self.web.put(f"/api/v2/tickets/{id}", body)

    async def comment(self, id: str, text: str) -> None:
        await self.web.post(f"/api/v2/tickets/{id}/notes", {"body": _html(text), "private": True})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        found: list[RemoteComment] = []
        page = 1
        while True:
            query = {"per_page": "100", "page": str(page)}
            said = (await self.web.get(f"/api/v2/tickets/{id}/conversations", query))["conversations"]
            found += [RemoteComment(id=str(each["id"]), text=each["body_text"]) for each in said]
            if len(said) < 100:
                return found
            page += 1

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = (await self.web.get("/api/v2/tickets/filter", {"query": f"\"tag:'{_TAG}{external_id}'\""}))["tickets"]
        return self._ticket(found[0]) if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket((await self.web.get(f"/api/v2/tickets/{id}"))["ticket"])

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: list[RemoteTicket] = []
        page = 1
        while True:
            query = {"updated_since": since, "order_type": "asc", "per_page": "100", "page": str(page)}
            said = (await self.web.get("/api/v2/tickets", query))["tickets"]
            found += [self._ticket(each) for each in said]
            if len(said) < 100:
                return found
            page += 1

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        tags: list[str] = said.get("tags") or []
        return RemoteTicket(
            id=str(said["id"]),
            status=str(said["status"]),
            gone=bool(said.get("deleted") or said.get("spam")),
            external_id=next((each.removeprefix(_TAG) for each in tags if each.startswith(_TAG)), None),
            url=f"{self.account.base_url.rstrip('/')}/a/tickets/{said['id']}",
            updated_at=signatures.iso_moment(said.get("updated_at") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        signatures.expect_secret(callback)
        # The automator's placeholder gives "INC-12" or "12".
        ticket = str(signatures.json_object(callback).get("ticket_id", "")).rpartition("-")[2]
        if not ticket.isdigit():
            raise refuse_callback("it names no ticket.")
        return [Hint(key=signatures.content_key(callback), ticket_id=ticket)]


def _html(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("\n", "<br>")
