"""Redmine, by its REST API. A custom field of issues holds our id; Redmine calls nobody back, so it is only ever polled.

https://www.redmine.org/projects/redmine/wiki/Rest_Issues
"""

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


class RedmineSettings(Fields):
    external_id_field: int = Field(ge=1, description="The number of the issue custom field that holds our id.")


class RedmineCredentials(Fields):
    api_key: str = Field(min_length=1, max_length=200)


class RedmineTarget(Fields):
    project: str = Field(min_length=1, max_length=200, description="Number or identifier.")
    tracker: int | None = Field(default=None, ge=1)
    assignee: int | None = Field(default=None, ge=1)


class Redmine(Connector):
    product = "redmine"
    Settings = RedmineSettings
    Credentials = RedmineCredentials
    Target = RedmineTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "1": TicketState.open,
        "2": TicketState.in_progress,
        "4": TicketState.waiting,
        "3": TicketState.done,
        "5": TicketState.done,
        "6": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "1",
        TicketState.in_progress: "2",
        TicketState.waiting: "4",
        TicketState.done: "5",
    }
    priorities: ClassVar[Mapping[str, str]] = {"very_low": "1", "low": "1", "moderate": "2", "high": "3", "very_high": "4"}

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        web.headers["x-redmine-api-key"] = account.credentials.api_key
        self._field: int = account.settings.external_id_field

    async def create(self, draft: Draft) -> RemoteTicket:
        target = RedmineTarget.model_validate(draft.target)
        issue = said_only(
            project_id=target.project,
            tracker_id=target.tracker,
            assigned_to_id=target.assignee,
            subject=draft.title[:255],
            description=draft.text,
            priority_id=int(draft.priority) if draft.priority else None,
            due_date=draft.due_on.isoformat() if draft.due_on else None,
            custom_fields=[{"id": self._field, "value": draft.external_id}],
        )
        return self._ticket((await self.web.post("/issues.json", {"issue": issue}))["issue"])

    async def update(self, id: str, changes: Changes) -> None:
        issue = said_only(
            subject=changes.title[:255] if changes.title else None,
            description=changes.text,
            priority_id=int(changes.priority) if changes.priority else None,
            due_date=changes.due_on.isoformat() if changes.due_on else None,
            status_id=int(changes.status) if changes.status else None,
        )
        if issue:
            await self.web.put(f"/issues/{id}.json", {"issue": issue})

    async def comment(self, id: str, text: str) -> None:
        await self.web.put(f"/issues/{id}.json", {"issue": {"notes": text}})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        said = (await self.web.get(f"/issues/{id}.json", {"include": "journals"}))["issue"].get("journals", [])
        return [
            RemoteComment(id=str(each["id"]), text=each["notes"].replace("\r\n", "\n"), author=each["user"]["name"])
            for each in said
            if each.get("notes")
        ]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = await self.web.get("/issues.json", {f"cf_{self._field}": external_id, "status_id": "*", "limit": "1"})
        return self._ticket(found["issues"][0]) if found["issues"] else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket((await self.web.get(f"/issues/{id}.json"))["issue"])

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found: list[RemoteTicket] = []
        while True:
            query = {
                "updated_on": f">={since}",
                "status_id": "*",
                "sort": "updated_on",
                "limit": "100",
                "offset": str(len(found)),
            }
            page = await self.web.get("/issues.json", query)
            found += [self._ticket(each) for each in page["issues"]]
            if not page["issues"] or len(found) >= page["total_count"]:
                return found

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        fields: list[dict[str, Any]] = said.get("custom_fields") or []
        own = next((each.get("value") for each in fields if each.get("id") == self._field), None)
        return RemoteTicket(
            id=str(said["id"]),
            status=str(said["status"]["id"]),
            closed=said["status"].get("is_closed"),
            external_id=own or None,
            url=f"{self.account.base_url.rstrip('/')}/issues/{said['id']}",
            updated_at=signatures.iso_moment(said.get("updated_on") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """Redmine itself calls nobody. What a plug-in or a script of the administrator's sends carries the secret."""
        signatures.expect_secret(callback)
        issue = signatures.json_object(callback).get("issue_id")
        if not isinstance(issue, int):
            raise refuse_callback("it names no issue.")
        return [Hint(key=signatures.content_key(callback), ticket_id=str(issue))]
