"""ServiceNow incidents, by the Table API. ``correlation_id`` holds our id.

ServiceNow has no webhooks of its own: a business rule or a flow of the customer's calls us and carries the secret.
"""

import base64
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

_TABLE = "/api/now/table/incident"
_PAGE = 1000
_FIELDS = "sys_id,number,state,correlation_id,sys_updated_on"


class ServiceNowSettings(Fields):
    close_code: str = Field(default="Solution provided", min_length=1, max_length=100)
    close_notes: str = Field(default="Done, as told by Bitewing.", min_length=1, max_length=1000)


class ServiceNowCredentials(Fields):
    user: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=300)


class ServiceNowTarget(Fields):
    caller_id: str | None = Field(default=None, max_length=200)
    company: str | None = Field(default=None, max_length=200)
    assignment_group: str | None = Field(default=None, max_length=200)
    category: str | None = Field(default=None, max_length=100)


class ServiceNow(Connector):
    product = "servicenow"
    Settings = ServiceNowSettings
    Credentials = ServiceNowCredentials
    Target = ServiceNowTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "1": TicketState.open,
        "2": TicketState.in_progress,
        "3": TicketState.waiting,
        "6": TicketState.done,
        "7": TicketState.done,
        "8": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "1",
        TicketState.in_progress: "2",
        TicketState.waiting: "3",
        TicketState.done: "6",
    }
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "3", "low": "3", "moderate": "2", "high": "1", "very_high": "1"}
    """Urgency and impact alike: ServiceNow works the priority out from the two."""

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        pair = f"{account.credentials.user}:{account.credentials.password}".encode()
        web.headers["authorization"] = "Basic " + base64.b64encode(pair).decode()

    async def create(self, draft: Draft) -> RemoteTicket:
        target = ServiceNowTarget.model_validate(draft.target)
        body = said_only(
            short_description=draft.title[:160],
            description=draft.text,
            urgency=draft.priority,
            impact=draft.priority,
            due_date=f"{draft.due_on.isoformat()} 00:00:00" if draft.due_on else None,
            correlation_id=draft.external_id,
            correlation_display="Bitewing",
            **target.model_dump(),
        )
        return self._ticket((await self.web.post(_TABLE, body))["result"])

    async def update(self, id: str, changes: Changes) -> None:
        body = said_only(
            short_description=changes.title[:160] if changes.title else None,
            description=changes.text,
            urgency=changes.priority,
            impact=changes.priority,
            due_date=f"{changes.due_on.isoformat()} 00:00:00" if changes.due_on else None,
            state=changes.status,
        )
        if changes.status is not None and self.statuses.get(changes.status) is TicketState.done:
            # Most instances take no resolution without a reason.
            body |= {"close_code": self.account.settings.close_code, "close_notes": self.account.settings.close_notes}
        if body:
            await self.web.patch(f"{_TABLE}/{id}", body)

    async def comment(self, id: str, text: str) -> None:
        await self.web.patch(f"{_TABLE}/{id}", {"work_notes": text})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        query = {
            "sysparm_query": f"element_id={id}^elementINcomments,work_notes^ORDERBYsys_created_on",
            "sysparm_fields": "sys_id,value,sys_created_by",
            "sysparm_limit": "1000",
        }
        said = (await self.web.get("/api/now/table/sys_journal_field", query))["result"]
        return [RemoteComment(id=each["sys_id"], text=each["value"], author=each.get("sys_created_by")) for each in said]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = await self._search(f"correlation_id={external_id}", most=1)
        return found[0] if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket((await self.web.get(f"{_TABLE}/{id}", {"sysparm_fields": _FIELDS}))["result"])

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        wanted = f"sys_updated_on>={since}^correlation_display=Bitewing^ORDERBYsys_updated_on"
        found: list[RemoteTicket] = []
        while True:
            page = await self._search(wanted, most=_PAGE, beyond=len(found))
            found += page
            if len(page) < _PAGE:
                return found

    async def _search(self, query: str, *, most: int, beyond: int = 0) -> list[RemoteTicket]:
        fields = {"sysparm_query": query, "sysparm_fields": _FIELDS, "sysparm_limit": str(most), "sysparm_offset": str(beyond)}
        return [self._ticket(each) for each in (await self.web.get(_TABLE, fields))["result"]]

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        base = self.account.base_url.rstrip("/")
        return RemoteTicket(
            id=said["sys_id"],
            status=str(said["state"]),
            external_id=said.get("correlation_id") or None,
            url=f"{base}/nav_to.do?uri=incident.do?sys_id={said['sys_id']}",
            updated_at=signatures.iso_moment(said.get("sys_updated_on") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        signatures.expect_secret(callback)
        incident = signatures.json_object(callback).get("sys_id")
        if not isinstance(incident, str) or not incident.isalnum() or len(incident) > 40:
            raise refuse_callback("it names no incident.")
        return [Hint(key=signatures.content_key(callback), ticket_id=incident)]
