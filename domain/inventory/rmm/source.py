"""The one interface to management tools: sign in, then page after page of the rows that the tool's own export would hold.

A new product is one file with a class of this kind and a line in ``products``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.normal_form import Json
from domain.outbound.tools import ToolFailed, Trouble, Web
from domain.tenancy import Fields

Record = dict[str, Json]


class NoSettings(Fields):
    """For a product that needs to know nothing beside its address."""


@dataclass(frozen=True, slots=True)
class Page:
    """``parts``: by the name of the document, records for a list, or by id where the document is an object.
    ``next``: where to go on, for whoever does; None when that was all. ``left_out``: by document, why it is not here."""

    parts: Mapping[str, list[Record] | Record]
    next: str | None
    left_out: Mapping[str, ToolFailed] = field(default_factory=dict[str, ToolFailed])


class RmmSource(ABC):
    """One connection to one tool. Every method raises ToolFailed."""

    product: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    """The import source whose rows it yields."""
    addresses: ClassVar[Sequence[str]] = ()
    """Where the maker runs it, by region."""
    Settings: ClassVar[type[Fields]] = NoSettings
    Credentials: ClassVar[type[Fields]]

    def __init__(self, web: Web, *, settings: Any, credentials: Any) -> None:
        self.web = web
        self.settings = settings
        self.credentials = credentials

    @abstractmethod
    async def sign_in(self) -> None:
        """Get a token for the requests that follow."""

    @abstractmethod
    async def page(self, place: str | None) -> Page:
        """The first page, or the one at a place that an earlier page named. The same worker need not have read that one."""

    async def begin(self) -> None:
        """What has to be known before any page, also when another worker goes on."""
        await self.sign_in()

    def mapping(self) -> ColumnMapping:
        """How the rows are to be read, where the connection says so."""
        return ColumnMapping()

    async def bear(self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> None:
        """Get a token, which then goes with each request."""
        token = await self.web.sign_in(path, form, headers=headers)
        self.web.headers["authorization"] = f"Bearer {token.text}"

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """Ask, with a new token where the old one has run out meanwhile."""
        try:
            return await self.web.get(path, query)
        except ToolFailed as failure:
            if failure.trouble is not Trouble.credentials:
                raise
        await self.sign_in()
        return await self.web.get(path, query)


def records(value: Json, *, what: str) -> list[Record]:
    """A list of objects, or the failure that says what came instead."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise wrong(f"Where the list of {what} should be, there was something else.")
    return cast("list[Record]", value)


def wrong(detail: str) -> ToolFailed:
    return ToolFailed(Trouble.wrong_answer, detail)
