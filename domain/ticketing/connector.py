"""The one interface to ticketing products: what is told to a ticket, and what can be asked of one.

The surprising fact: no product has an idempotency key. So every ticket carries an id of ours, is searched for before it is
made, and every comment ends with a mark of ours by which it is known again.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from domain.errors import Unauthenticated
from domain.outbound.tools import Web
from domain.tenancy import Fields

_MARK = re.compile(r"\[bitewing:([0-9a-f-]{36})\]")


class TicketState(StrEnum):
    """What every product's statuses come down to."""

    open = "open"
    in_progress = "in_progress"
    waiting = "waiting"
    """On somebody outside: the customer, a part, a vendor."""
    done = "done"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a new ticket says. ``target`` is where it goes, as the organization's mapping has it."""

    external_id: str
    title: str
    text: str
    target: Mapping[str, Any]
    priority: str | None = None
    due_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is told to a ticket that is there; None is left as it is. ``status`` is in the product's own words."""

    title: str | None = None
    text: str | None = None
    priority: str | None = None
    due_on: date | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class RemoteTicket:
    """A ticket as the product shows it. ``closed`` is for products that say so beside the status."""

    id: str
    status: str
    closed: bool | None = None
    gone: bool = False
    external_id: str | None = None
    url: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RemoteComment:
    id: str
    text: str
    author: str | None = None

    @property
    def ours(self) -> str | None:
        """The id of the comment of ours that this is, if it is one."""
        found = _MARK.search(self.text)
        return found[1] if found else None


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What a callback comes down to: look at this ticket. ``key`` is equal for two deliveries of the same one."""

    key: str
    ticket_id: str | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Callback:
    """A request that came in. ``secret`` is what this connection shares with its product; header names are lower case."""

    headers: Mapping[str, str]
    body: bytes
    secret: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a connector needs to know of its connection."""

    base_url: str
    settings: Any
    credentials: Any
    key: str
    """Names the connection and its version, for what a connector keeps in memory, such as an access token."""
    statuses: Mapping[str, TicketState] = field(default_factory=dict[str, TicketState])
    words: Mapping[TicketState, str] = field(default_factory=dict[TicketState, str])


class Connector(ABC):
    """One connection to one product. Every method raises ToolFailed."""

    product: ClassVar[str]
    Settings: ClassVar[type[Fields]]
    """What has to be known beside the address."""
    Credentials: ClassVar[type[Fields]]
    Target: ClassVar[type[Fields]]
    """Where the tickets of one organization go."""
    statuses: ClassVar[Mapping[str, TicketState]] = {}
    """The product's statuses as delivered, in lower case; a connection can say otherwise."""
    words: ClassVar[Mapping[TicketState, str]] = {}
    """How to say each of our states in the product's words."""
    priorities: ClassVar[Mapping[str, str]] = {}
    """The product's priority for each level of risk, where it has one of its own."""
    settles_after: ClassVar[timedelta] = timedelta(0)
    """How long a new ticket may not be found by its external id."""
    gives_secret: ClassVar[bool] = False
    """True where the product makes the secret of its callbacks, so that it must be told to us."""

    def __init__(self, account: Account, web: Web) -> None:
        self.account = account
        self.web = web

    @abstractmethod
    async def create(self, draft: Draft) -> RemoteTicket: ...

    @abstractmethod
    async def update(self, id: str, changes: Changes) -> None: ...

    @abstractmethod
    async def comment(self, id: str, text: str) -> None: ...

    @abstractmethod
    async def comments(self, id: str, known: Container[str] = ()) -> Sequence[RemoteComment]:
        """What was said on the ticket, the oldest first. Those ``known`` by id may be left out."""

    @abstractmethod
    async def find_by_external_id(self, external_id: str) -> RemoteTicket | None: ...

    @abstractmethod
    async def get(self, id: str) -> RemoteTicket:
        """Refused with the reason ``gone`` where there is no such ticket any more."""

    @abstractmethod
    async def changed_since(self, moment: datetime) -> Sequence[RemoteTicket]:
        """The tickets that changed since then: the fallback for callbacks that never came. May show too many."""

    @classmethod
    def key_url(cls, callback: Callback) -> str | None:
        """For a product that signs with a key of its own: where that key is. Nothing of the body is believed yet."""
        return None

    @classmethod
    @abstractmethod
    def parse_callback(cls, callback: Callback) -> Sequence[Hint]:
        """Verify what came in and say what to look at; Unauthenticated where it is not signed as the product signs."""

    def state_of(self, ticket: RemoteTicket) -> TicketState | None:
        """None for a status that nobody has mapped: then nothing moves."""
        known = {**self.statuses, **{word.lower(): state for word, state in self.account.statuses.items()}}
        state = known.get(ticket.status.lower())
        if state is None and ticket.closed is not None:
            return TicketState.done if ticket.closed else TicketState.open
        return state

    def word_for(self, state: TicketState) -> str | None:
        """How this connection says a state; a state without a word is said as the next best one."""
        words = {**self.words, **self.account.words}
        fallbacks = {TicketState.in_progress: TicketState.open, TicketState.waiting: TicketState.in_progress}
        return words.get(state) or (self.word_for(fallbacks[state]) if state in fallbacks else None)


def said_only(**fields: Any) -> dict[str, Any]:
    """The fields that say something; null would empty a field in the product."""
    return {name: value for name, value in fields.items() if value is not None}


def marked(text: str, comment_id: object) -> str:
    """A comment of ours as it is sent."""
    return f"{text}\n\n[bitewing:{comment_id}]"


def refuse_callback(detail: str) -> Unauthenticated:
    return Unauthenticated(f"This callback is not accepted: {detail}", code="bad_signature")
