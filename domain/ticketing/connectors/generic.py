"""Any product that speaks JSON over HTTP: each act is a request whose path and body are templates, and each answer is read
by paths such as ``data.id``.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, cast
from urllib.parse import quote

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from domain.errors import Invalid
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
)  # fmt: skip
from domain.ticketing.templates import check_json, rendered, rendered_json

_PATH = r"^[A-Za-z0-9_.-]{0,200}$"


class Act(Fields):
    """One request. Its texts may say ``{{ title }}``, ``{{ text }}``, ``{{ external_id }}``, ``{{ id }}``, ``{{ status }}``,
    ``{{ priority }}``, ``{{ due_on }}``, ``{{ since }}`` and ``{{ target.<name> }}``."""

    method: Literal["GET", "POST", "PUT", "PATCH"]
    path: str = Field(min_length=1, max_length=2000, pattern="^/")
    body: dict[str, Any] | list[Any] | None = None

    @field_validator("path", "body")
    @classmethod
    def _is_safe(cls, value: Any) -> Any:
        try:
            check_json(value, at="")
        except Invalid as error:
            raise PydanticCustomError("template", "{detail}", {"detail": error.faults[0].detail}) from None
        return value


class GenericSettings(Fields):
    create: Act
    update: Act
    comment: Act
    get: Act
    find: Act
    comments: Act | None = None
    changed: Act | None = None
    ticket_at: str = Field(
        default="", pattern=_PATH, description="Where a ticket stands in an answer; empty: it is the answer."
    )
    tickets_at: str = Field(default="", pattern=_PATH, description="Where the list of tickets stands in an answer.")
    comments_at: str = Field(default="", pattern=_PATH)
    id_at: str = Field(default="id", pattern=_PATH)
    status_at: str = Field(default="status", pattern=_PATH)
    comment_id_at: str = Field(default="id", pattern=_PATH)
    comment_text_at: str = Field(default="text", pattern=_PATH)


class GenericCredentials(Fields):
    header: str = Field(default="authorization", pattern=r"^[A-Za-z0-9-]{1,100}$")
    value: str = Field(min_length=1, max_length=2000, description="Such as `Bearer ...`.")


class GenericTarget(Fields):
    company: str | None = Field(default=None, max_length=200)
    site: str | None = Field(default=None, max_length=200)
    board: str | None = Field(default=None, max_length=200)
    queue: str | None = Field(default=None, max_length=200)
    contact: str | None = Field(default=None, max_length=200)
    type: str | None = Field(default=None, max_length=200)


class Generic(Connector):
    product = "generic"
    Settings = GenericSettings
    Credentials = GenericCredentials
    Target = GenericTarget
    statuses: ClassVar[Mapping[str, TicketState]] = {each.value: each for each in TicketState}
    words: ClassVar[Mapping[TicketState, str]] = {each: each.value for each in TicketState}
    priorities: ClassVar[Mapping[str, str]] = {each: each for each in ("very_low", "low", "moderate", "high", "very_high")}

    def __init__(self, account: Account, web: Web) -> None:
        super().__init__(account, web)
        web.headers[account.credentials.header.lower()] = account.credentials.value
        self._how: GenericSettings = account.settings

    async def _do(self, act: Act, **said: Any) -> Any:
        blank = dict.fromkeys(("id", "title", "text", "external_id", "status", "priority", "due_on", "since"), "")
        target = dict.fromkeys(GenericTarget.model_fields, "")
        values = {**blank, **{name: "" if value is None else value for name, value in said.items()}}
        values["target"] = {**target, **said.get("target", {})}
        in_path = {name: quote(str(value), safe="") if name != "target" else value for name, value in values.items()}
        path = rendered(act.path, in_path)
        body = rendered_json(act.body, values) if act.body is not None else None
        return (await self.web.send(act.method, path, body=body)).data

    async def create(self, draft: Draft) -> RemoteTicket:
        answer = await self._do(
            self._how.create,
            title=draft.title,
            text=draft.text,
            external_id=draft.external_id,
            priority=draft.priority,
            due_on=draft.due_on,
            target=dict(draft.target),
        )
        return self._ticket(_at(answer, self._how.ticket_at))

    async def update(self, id: str, changes: Changes) -> None:
        await self._do(
            self._how.update,
            id=id,
            title=changes.title,
            text=changes.text,
            priority=changes.priority,
            due_on=changes.due_on,
            status=changes.status,
        )

    async def comment(self, id: str, text: str) -> None:
        await self._do(self._how.comment, id=id, text=text)

    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        if self._how.comments is None:
            return ()
        answer = await self._do(self._how.comments, id=id)
        return [
            RemoteComment(id=_text(_at(each, self._how.comment_id_at)), text=_text(_at(each, self._how.comment_text_at)))
            for each in _items(_at(answer, self._how.comments_at))
        ]

    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None:
        found = _items(_at(await self._do(self._how.find, external_id=external_id), self._how.tickets_at))
        return self._ticket(found[0]) if found else None

    async def get(self, id: str) -> RemoteTicket:
        return self._ticket(_at(await self._do(self._how.get, id=id), self._how.ticket_at))

    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        if self._how.changed is None:
            return ()
        since = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = await self._do(self._how.changed, since=since)
        return [self._ticket(each) for each in _items(_at(answer, self._how.tickets_at))]

    def _ticket(self, said: Any) -> RemoteTicket:
        return RemoteTicket(id=_text(_at(said, self._how.id_at)), status=_text(_at(said, self._how.status_at)))

    @classmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """As Standard Webhooks would: the HMAC of ``<timestamp>.<body>``, and the timestamp, each in a header."""
        moment = callback.headers.get("x-timestamp", "")
        signatures.expect_hmac(callback, "x-signature", prefix="sha256=", before=f"{moment}.".encode())
        signatures.expect_recent(callback, signatures.seconds_since_1970(moment))
        ticket = signatures.json_object(callback).get("ticket_id")
        if not isinstance(ticket, str | int) or len(str(ticket)) > 200:
            raise refuse_callback("it names no ticket: say `ticket_id`.")
        return [Hint(key=signatures.content_key(callback), ticket_id=str(ticket))]


def _at(data: Any, path: str) -> Any:
    """The value at a path such as ``data.items.0.id``."""
    for part in path.split(".") if path else ():
        if isinstance(data, dict) and part in data:
            data = cast("dict[str, Any]", data)[part]
        elif isinstance(data, list) and part.isdigit() and int(part) < len(cast("list[Any]", data)):
            data = cast("list[Any]", data)[int(part)]
        else:
            raise ToolFailed(Trouble.refused, f"The answer has nothing at {path!r}.")
    return data


def _items(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ToolFailed(Trouble.refused, "The answer has no list where one was expected.")
    return cast("list[Any]", data)


def _text(value: Any) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise ToolFailed(Trouble.refused, "The answer has no text or number where one was expected.")
