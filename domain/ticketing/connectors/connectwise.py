"""ConnectWise PSA (Manage), by its REST API. ``externalXRef`` of a service ticket holds our id.

The surprising facts: a change is a JSON Patch array; a summary has at most 100 characters; and a callback is signed with
a key that it names itself by URL, so that URL is followed only to the connection's own host and to ConnectWise's.
https://developer.connectwise.com/Products/ConnectWise_PSA
"""

import base64
import hashlib
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

_API = "/v4_6_release/apis/3.0"
_TICKETS = f"{_API}/service/tickets"
_PAGE = 1000


class ConnectWiseSettings(Fields):
    company: str = Field(min_length=1, max_length=100, description="The login company.")
    client_id: str = Field(min_length=1, max_length=100, description="From the developer portal.")


class ConnectWiseCredentials(Fields):
    public_key: str = Field(min_length=1, max_length=200)
    private_key: str = Field(min_length=1, max_length=200)


class ConnectWiseTarget(Fields):
    company_id: int = Field(ge=1)
    site_id: int | None = Field(default=None, ge=1)
    board_id: int | None = Field(default=None, ge=1)
    contact_id: int | None = Field(default=None, ge=1)
    type_id: int | None = Field(default=None, ge=1)


class ConnectWise(Connector):
    product = "connectwise"
    Settings = ConnectWiseSettings
    Credentials = ConnectWiseCredentials
    Target = ConnectWiseTarget
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "New",
        TicketState.in_progress: "In Progress",
        TicketState.done: ">Closed",
    }
    """Statuses are per board: say those of yours. Whether one is closed, the ticket says itself."""

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        keys = account.credentials
        pair = f"{account.settings.company}+{keys.public_key}:{keys.private_key}".encode()
        web.headers.update(
            {
                "authorization": "Basic " + base64.b64encode(pair).decode(),
                "clientid": account.settings.client_id,
                "accept": "application/vnd.connectwise.com+json; version=2025.16",
            }
        )

    async def create(self, draft: Draft) -> RemoteTicket:
        target = ConnectWiseTarget.model_validate(draft.target)
        body = said_only(
            summary=draft.title[:100],
            initialDescription=draft.text,
            company={"id": target.company_id},
            site=_ref(target.site_id),
            board=_ref(target.board_id),
            contact=_ref(target.contact_id),
            type=_ref(target.type_id),
            priority={"id": int(draft.priority)} if draft.priority else None,
            requiredDate=f"{draft.due_on.isoformat()}T00:00:00Z" if draft.due_on else None,
            externalXRef=draft.external_id,
        )
        return self._ticket(await self.web.post(_TICKETS, body))

    async def update(self, id: str, changes: Changes) -> None:
        values = said_only(
            summary=changes.title[:100] if changes.title else None,
            initialDescription=changes.text,
            **{"priority/id": int(changes.priority) if changes.priority else None},
            requiredDate=f"{changes.due_on.isoformat()}T00:00:00Z" if changes.due_on else None,
            **{"status/name": changes.status},
        )
        if values:
            operations = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
            await self.web.patch(f"{_TICKETS}/{id}", operations)

    async def comment(self, id: str, text: str) -> None:
        note = {"text": text, "detailDescriptionFlag": False, "internalAnalysisFlag": True, "resolutionFlag": False}
        await self.web.post(f"{_TICKETS}/{id}/notes", note)

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        said = await self._pages(f"{_TICKETS}/{id}/notes", {"orderBy": "id asc"})
        return [
            RemoteComment(id=str(each["id"]), text=each["text"], author=each.get("createdBy"))
            for each in said
            if each.get("text") and not each.get("detailDescriptionFlag")
        ]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = await self.web.get(_TICKETS, {"conditions": f'externalXRef="{external_id}"', "pageSize": "1"})
        return self._ticket(found[0]) if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket(await self.web.get(f"{_TICKETS}/{id}"))

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"conditions": f"lastUpdated>=[{since}] and externalXRef!=null", "orderBy": "lastUpdated asc"}
        return [self._ticket(each) for each in await self._pages(_TICKETS, query)]

    async def _pages(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        page = 1
        while True:
            found: list[dict[str, Any]] = await self.web.get(path, {**query, "pageSize": str(_PAGE), "page": str(page)})
            items += found
            if len(found) < _PAGE:
                return items
            page += 1

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        base = self.account.base_url.rstrip("/")
        return RemoteTicket(
            id=str(said["id"]),
            status=said["status"]["name"],
            closed=bool(said.get("closedFlag")),
            external_id=said.get("externalXRef") or None,
            url=f"{base}/v4_6_release/services/system_io/Service/fv_sr100_request.rails?service_recid={said['id']}",
            updated_at=signatures.iso_moment(signatures.within(said, "_info", "lastUpdated") or ""),
        )

    @classmethod
    def key_url(cls, callback: Callback) -> str | None:
        url = signatures.within(signatures.json_object(callback), "Metadata", "key_url")
        if not isinstance(url, str):
            raise refuse_callback("it names no key.")
        return url

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """``secret`` is the signing key that the callback named, by then fetched from a host that may be believed."""
        key = hashlib.sha256(callback.secret.encode()).digest()
        signatures.expect_hmac(callback, "x-content-signature", hexadecimal=False, key=key)
        ticket = signatures.json_object(callback).get("ID")
        if not isinstance(ticket, int):
            raise refuse_callback("it names no ticket.")
        return [Hint(key=signatures.content_key(callback), ticket_id=str(ticket))]


def _ref(id: int | None) -> dict[str, int] | None:
    return {"id": id} if id is not None else None
