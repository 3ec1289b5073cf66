"""Jira Cloud, by REST API v3. A label ``bitewing-<our id>`` finds an issue again; Jira's search shows it after a while.

The surprising fact: a status cannot be set. One of the transitions that lead out of the present status must be made, so
the one is chosen whose target has the wanted name or category. Texts are Atlassian documents (ADF), not strings.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/
"""

import base64
from collections.abc import Container, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from domain.clock import now
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

_FIELDS = "status,labels,updated"
_LABEL = "bitewing-"
_MOST_CHANGED = 20_000
"""As after a week without us: what is cut off here would not be asked for again."""


class JiraSettings(Fields):
    pass


class JiraCredentials(Fields):
    email: str = Field(min_length=1, max_length=320)
    api_token: str = Field(min_length=1, max_length=500)


class JiraTarget(Fields):
    project: str = Field(min_length=1, max_length=100, description="The project's key.")
    issue_type: str = Field(default="Task", min_length=1, max_length=100)


class Jira(Connector):
    product = "jira"
    Settings = JiraSettings
    Credentials = JiraCredentials
    Target = JiraTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {
        "new": TicketState.open,
        "indeterminate": TicketState.in_progress,
        "done": TicketState.done,
    }
    words: ClassVar[Mapping[TicketState, str]] = {
        TicketState.open: "new",
        TicketState.in_progress: "indeterminate",
        TicketState.done: "done",
    }
    priorities: ClassVar[Mapping[str, str]] = {
        "very_low": "Lowest", "low": "Low", "moderate": "Medium", "high": "High", "very_high": "Highest",
    }  # fmt: skip
    settles_after = timedelta(seconds=60)

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        pair = f"{account.credentials.email}:{account.credentials.api_token}".encode()
        web.headers["authorization"] = "Basic " + base64.b64encode(pair).decode()

    async def create(self, draft: Draft) -> RemoteTicket:
        target = JiraTarget.model_validate(draft.target)
        fields = said_only(
            project={"key": target.project},
            issuetype={"name": target.issue_type},
            summary=draft.title[:255],
            description=document(draft.text),
            labels=[_LABEL + draft.external_id],
            priority={"name": draft.priority} if draft.priority else None,
            duedate=draft.due_on.isoformat() if draft.due_on else None,
        )
        return await self.get((await self.web.post("/rest/api/3/issue", {"fields": fields}))["id"])

    async def update(self, id: str, changes: Changes) -> None:
        fields = said_only(
            summary=changes.title[:255] if changes.title else None,
            description=document(changes.text) if changes.text else None,
            priority={"name": changes.priority} if changes.priority else None,
            duedate=changes.due_on.isoformat() if changes.due_on else None,
        )
        if fields:
            await self.web.put(f"/rest/api/3/issue/{id}", {"fields": fields})
        if changes.status is not None:
            await self._go(id, changes.status)

    async def _go(self, id: str, status: str) -> None:
        ways = (await self.web.get(f"/rest/api/3/issue/{id}/transitions"))["transitions"]
        for way in ways:
            goal = way["to"]
            if status.lower() in (goal["name"].lower(), goal["statusCategory"]["key"]):
                await self.web.post(f"/rest/api/3/issue/{id}/transitions", {"transition": {"id": way["id"]}})
                return
        raise ToolFailed(Trouble.refused, f"No transition leads to the status {status!r} from where the issue is.")

    async def comment(self, id: str, text: str) -> None:
        await self.web.post(f"/rest/api/3/issue/{id}/comment", {"body": document(text)})

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        found: list[RemoteComment] = []
        while True:
            query = {"startAt": str(len(found)), "maxResults": "100", "orderBy": "created"}
            page = await self.web.get(f"/rest/api/3/issue/{id}/comment", query)
            found += [
                RemoteComment(id=each["id"], text=plain(each["body"]), author=each.get("author", {}).get("displayName"))
                for each in page["comments"]
            ]
            if not page["comments"] or len(found) >= page["total"]:
                return found

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = await self._search(f'labels = "{_LABEL}{external_id}"', most=1)
        return found[0] if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket(await self.web.get(f"/rest/api/3/issue/{id}", {"fields": _FIELDS}))

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        # JQL reads a moment in the zone of the account; a span back from now means the same everywhere.
        minutes = max(1, int((now() - moment).total_seconds() // 60) + 1)
        return await self._search(f"updated >= -{minutes}m AND labels is not EMPTY", most=_MOST_CHANGED)

    async def _search(self, jql: str, *, most: int) -> list[RemoteTicket]:
        found: list[RemoteTicket] = []
        token: str | None = None
        while True:
            body = said_only(jql=jql, fields=_FIELDS.split(","), maxResults=min(most, 100), nextPageToken=token)
            page = await self.web.post("/rest/api/3/search/jql", body)
            found += [self._ticket(each) for each in page["issues"]]
            token = page.get("nextPageToken")
            if token is None or len(found) >= most:
                return found

    def state_of(self, ticket: RemoteTicket) -> TicketState | None:
        """By name where the connection maps it, else by category, which means the same at every customer."""
        name, _, category = ticket.status.rpartition("/")
        mapped = {word.lower(): state for word, state in self.account.statuses.items()}
        return mapped.get(name.lower()) or mapped.get(category) or self.statuses.get(category)

    def _ticket(self, said: Mapping[str, Any]) -> RemoteTicket:
        fields: Mapping[str, Any] = said["fields"]
        labels: list[str] = fields.get("labels") or []
        own = next((each.removeprefix(_LABEL) for each in labels if each.startswith(_LABEL)), None)
        return RemoteTicket(
            id=said["id"],
            status=f"{fields['status']['name']}/{fields['status']['statusCategory']['key']}",
            external_id=own,
            url=f"{self.account.base_url.rstrip('/')}/browse/{said['key']}",
            updated_at=signatures.iso_moment(fields.get("updated") or ""),
        )

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        signatures.expect_hmac(callback, "x-hub-signature", prefix="sha256=")
        issue = signatures.within(signatures.json_object(callback), "issue", "id")
        if not str(issue or "").isdigit():
            raise refuse_callback("it names no issue.")
        key = callback.headers.get("x-atlassian-webhook-identifier") or signatures.content_key(callback)
        return [Hint(key=key[:200], ticket_id=str(issue))]


def document(text: str) -> dict[str, Any]:
    """Plain text as an Atlassian document."""
    paragraphs: list[dict[str, Any]] = []
    for part in text.split("\n"):
        paragraphs.append({"type": "paragraph", "content": [{"type": "text", "text": part}] if part else []})
    return {"type": "doc", "version": 1, "content": paragraphs}


def plain(node: Mapping[str, Any] | str | None) -> str:
    """An Atlassian document as plain text."""
    if not isinstance(node, Mapping):
        return str(node or "")
    kind: str = node.get("type", "")
    if kind == "text":
        return str(node.get("text", ""))
    if kind == "hardBreak":
        return "\n"
    inner: list[Any] = node.get("content") or []
    return ("\n" if kind == "doc" else "").join([plain(each) for each in inner])
