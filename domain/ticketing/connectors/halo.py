"""HaloPSA, by its REST API. Halo has no field for a foreign id that can be searched for everywhere, so our id stands in the
ticket's details, and a ticket found by it is read to be sure.

The surprising facts: a ticket is made and changed by the same POST of a JSON array; access tokens come from the customer's
own authorisation server; and its webhooks carry a header with a secret but no signature.
"""

import time
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
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

_tokens: dict[str, tuple[str, float]] = {}
"""The access token of each connection, and until when it holds."""
_NOTE = 7
"""The outcome "private note" as delivered."""


class HaloSettings(Fields):
    tenant: str | None = Field(default=None, max_length=100, description="Only for instances hosted by Halo.")
    note_outcome_id: int = Field(default=_NOTE, ge=1)


class HaloCredentials(Fields):
    client_id: str = Field(min_length=1, max_length=200)
    client_secret: str = Field(min_length=1, max_length=300)


class HaloTarget(Fields):
    client_id: int = Field(ge=1)
    site_id: int | None = Field(default=None, ge=1)
    tickettype_id: int | None = Field(default=None, ge=1)
    user_id: int | None = Field(default=None, ge=1)
    team: str | None = Field(default=None, max_length=200)


class Halo(Connector):
    product = "halopsa"
    Settings = HaloSettings
    Credentials = HaloCredentials
    Target = HaloTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "1": TicketState.open,
        "2": TicketState.in_progress,
        "8": TicketState.done,
        "9": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "1",
        TicketState.in_progress: "2",
        TicketState.done: "9",
    }
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "4", "low": "4", "moderate": "3", "high": "2", "very_high": "1"}

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)

    async def _ask(self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        headers = {"authorization": f"Bearer {await self._token()}"}
        return (await self.web.send(method, path, body=body, query=query, headers=headers)).data

    async def _token(self) -> str:
        known = _tokens.get(self.account.key)
        if known is None or known[1] <= time.monotonic():
            keys = self.account.credentials
            form = {
                "grant_type": "client_credentials",
                "client_id": keys.client_id,
                "client_secret": keys.client_secret,
                "scope": "all",
            }
            tenant = self.account.settings.tenant
            token = await self.web.sign_in("/auth/token", form, query={"tenant": tenant} if tenant else None)
            known = _tokens[self.account.key] = (token.text, time.monotonic() + token.lasts - 60)
        return known[0]

    async def create(self, draft: Draft) -> RemoteTicket:
        target = HaloTarget.model_validate(draft.target)
        text = draft.text if draft.external_id in draft.text else f"{draft.text}\n\nReference: {draft.external_id}"
        ticket = said_only(
            summary=draft.title[:255],
            details=text,
            priority_id=int(draft.priority) if draft.priority else None,
            deadlinedate=f"{draft.due_on.isoformat()}T00:00:00Z" if draft.due_on else None,
            **target.model_dump(),
        )
        return self._ticket(_first(await self._ask("POST", "/api/Tickets", body=[ticket])))

    async def update(self, id: str, changes: Changes) -> None:
        ticket = said_only(
            summary=changes.title[:255] if changes.title else None,
            details=changes.text,
            priority_id=int(changes.priority) if changes.priority else None,
            deadlinedate=f"{changes.due_on.isoformat()}T00:00:00Z" if changes.due_on else None,
            status_id=int(changes.status) if changes.status else None,
        )
        if ticket:
            await self._ask("POST", "/api/Tickets", body=[{"id": int(id), **ticket}])

    async def comment(self, id: str, text: str) -> None:
        action = {
            "ticket_id": int(id),
            "note": text,
            "outcome_id": self.account.settings.note_outcome_id,
            "hiddenfromuser": True,
        }
        await self._ask("POST", "/api/Actions", body=[action])

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        query = {"ticket_id": id, "excludesys": "true", "count": "1000"}
        said: list[dict[str, Any]] = (await self._ask("GET", "/api/Actions", query=query))["actions"]
        return [
            RemoteComment(id=str(each["id"]), text=each["note"], author=each.get("who"))
            for each in sorted(said, key=lambda each: int(each["id"]))
            if each.get("note")
        ]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        query = {"search": external_id, "count": "10"}
        for each in (await self._ask("GET", "/api/Tickets", query=query))["tickets"]:
            whole = await self._ask("GET", f"/api/Tickets/{each['id']}", query={"includedetails": "true"})
            if external_id in (whole.get("details") or ""):
                return self._ticket(whole)
        return None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket(await self._ask("GET", f"/api/Tickets/{id}"))

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"lastupdatefromdate": since, "count": "1000"}
        return [self._ticket(each) for each in (await self._ask("GET", "/api/Tickets", query=query))["tickets"]]

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        return RemoteTicket(
            id=str(said["id"]),
            status=str(said["status_id"]),
            gone=bool(said.get("deleted")),
            url=f"{self.account.base_url.rstrip('/')}/tickets?id={said['id']}",
            updated_at=signatures.iso_moment(said.get("last_update") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """One object, or with batching a list of them. A replay is harmless: the ticket is fetched."""
        signatures.expect_secret(callback)
        calls = signatures.json_items(callback)
        tickets: list[Any] = [each.get("object_id") or signatures.within(each, "ticket", "id") for each in calls]
        if not tickets or not all(isinstance(each, int) for each in tickets):
            raise refuse_callback("it names no ticket.")
        key = signatures.content_key(callback)
        return [Hint(key=f"{key}:{each}", ticket_id=str(each)) for each in dict.fromkeys(tickets)]


def _first(answer: Any) -> Mapping[str, Any]:
    return answer[0] if isinstance(answer, list) else answer  # pyright: ignore[reportUnknownVariableType]  JSON
