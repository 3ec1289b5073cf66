"""Datto Autotask PSA, by REST API 1.0. ``externalID`` of a ticket holds our id.

The surprising facts: every customer lives in a zone with an address of its own, which is asked for first; and the numbers
of statuses and priorities are labels of each customer, with no order in them.
https://autotask.net/help/developerhelp/Content/APIs/REST/REST_API_Home.htm
"""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

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
)  # fmt: skip

_API = "/ATServicesRest/V1.0"
_NOTE_TYPE = 1
_INTERNAL = 2
_zones: dict[str, str] = {}
"""The address of each connection's zone, once it was asked for."""


class AutotaskSettings(Fields):
    note_type: int = Field(default=_NOTE_TYPE, ge=1)
    note_publish: int = Field(default=_INTERNAL, ge=1, description="Who reads notes: 1 all users, 2 internal only.")


class AutotaskCredentials(Fields):
    integration_code: str = Field(min_length=1, max_length=200)
    user_name: str = Field(min_length=1, max_length=320)
    secret: str = Field(min_length=1, max_length=300)


class AutotaskTarget(Fields):
    company_id: int = Field(ge=0)
    queue_id: int = Field(ge=1)
    company_location_id: int | None = Field(default=None, ge=1)
    contact_id: int | None = Field(default=None, ge=1)
    ticket_type: int | None = Field(default=None, ge=1)


class Autotask(Connector):
    product = "autotask"
    Settings = AutotaskSettings
    Credentials = AutotaskCredentials
    Target = AutotaskTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {"1": TicketState.open, "5": TicketState.done}
    words: ClassVar[Mapping[TicketState, str]] = {TicketState.open: "1", TicketState.done: "5"}
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "3", "low": "3", "moderate": "2", "high": "1", "very_high": "4"}

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        keys = account.credentials
        web.headers.update({"apiintegrationcode": keys.integration_code, "username": keys.user_name, "secret": keys.secret})

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        if self.account.key not in _zones:
            query = {"user": self.account.credentials.user_name}
            found = (await self.web.send("GET", f"{_API}/zoneInformation", query=query)).data
            zone = urlsplit(str(found["url"]))
            _zones[self.account.key] = f"{zone.scheme}://{zone.netloc}"
        return (await self.web.send(method, _API + path, body=body, base_url=_zones[self.account.key])).data

    async def create(self, draft: Draft) -> RemoteTicket:
        target = AutotaskTarget.model_validate(draft.target)
        body = said_only(
            companyID=target.company_id,
            queueID=target.queue_id,
            companyLocationID=target.company_location_id,
            contactID=target.contact_id,
            ticketType=target.ticket_type,
            title=draft.title[:255],
            description=draft.text[:8000],
            status=int(self.word_for(TicketState.open) or "1"),
            priority=int(draft.priority or "2"),
            dueDateTime=f"{draft.due_on.isoformat()}T00:00:00Z" if draft.due_on else None,
            externalID=draft.external_id,
        )
        return await self.get(str((await self._ask("POST", "/Tickets", body))["itemId"]))

    async def update(self, id: str, changes: Changes) -> None:
        body = said_only(
            title=changes.title[:255] if changes.title else None,
            description=changes.text[:8000] if changes.text else None,
            priority=int(changes.priority) if changes.priority else None,
            dueDateTime=f"{changes.due_on.isoformat()}T00:00:00Z" if changes.due_on else None,
            status=int(changes.status) if changes.status else None,
        )
        if body:
            await self._ask("PATCH", "/Tickets", {"id": int(id), **body})

    async def comment(self, id: str, text: str) -> None:
        settings = self.account.settings
        note = {
            "title": "Bitewing",
            "description": text[:32_000],
            "noteType": settings.note_type,
            "publish": settings.note_publish,
        }
        await self._ask("POST", f"/Tickets/{id}/Notes", note)

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        said = await self._query("/TicketNotes/query", [{"op": "eq", "field": "ticketID", "value": int(id)}])
        return [RemoteComment(id=str(each["id"]), text=each["description"]) for each in said if each.get("description")]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = await self._query("/Tickets/query", [{"op": "eq", "field": "externalID", "value": external_id}])
        return self._ticket(found[0]) if found else None

    async def get(self, id: str) -> RemoteTicket:
        item = (await self._ask("GET", f"/Tickets/{id}"))["item"]
        if item is None:
            raise ToolFailed(Trouble.gone, "There is no such ticket.")
        return self._ticket(item)

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = [{"op": "gte", "field": "lastActivityDate", "value": since}, {"op": "exist", "field": "externalID"}]
        return [self._ticket(each) for each in await self._query("/Tickets/query", wanted)]

    async def _query(self, path: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Pages follow by id, which needs no address that the answer names."""
        items: list[dict[str, Any]] = []
        while True:
            beyond = [{"op": "gt", "field": "id", "value": items[-1]["id"]}] if items else []
            page: list[dict[str, Any]] = (await self._ask("POST", path, {"MaxRecords": 500, "filter": wanted + beyond}))[
                "items"
            ]
            items += page
            if len(page) < 500:
                return items

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        return RemoteTicket(
            id=str(said["id"]),
            status=str(said["status"]),
            external_id=said.get("externalID") or None,
            updated_at=signatures.iso_moment(said.get("lastActivityDate") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        verify = partial(signatures.expect_hmac, prefix="sha1=", digest="sha1", hexadecimal=False)
        verify(callback, "x-hook-signature")
        said = signatures.json_object(callback)
        if not isinstance(said.get("Id"), int):
            raise refuse_callback("it names no ticket.")
        return [Hint(key=str(said.get("Guid") or signatures.content_key(callback))[:200], ticket_id=str(said["Id"]))]
