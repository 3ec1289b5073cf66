"""NinjaOne's public API v2: detailed devices page by page, and beside them the queries for volumes, antivirus, installed and
missing patches, each with a cursor.

A device names its organization and location by number and, depending on the version, not by name; the names are read
before. A query that these credentials may not ask, or that this version does not have, costs its part and not the run.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from domain.inventory.imports.documents import at
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import text_of
from domain.inventory.rmm.source import Page, Record, RmmSource, records, wrong
from domain.outbound.tools import ToolFailed, Trouble
from domain.tenancy import Fields

DEVICES_AT_ONCE = 200
ROWS_AT_ONCE = 1_000
QUERIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "volumes": ("volumes", {"include": "bl"}),
    "antivirus": ("antivirus-status", {}),
    "os-patch-installs": ("os-patch-installs", {"status": "INSTALLED"}),
    "os-patches": ("os-patches", {}),
}
"""The part of the import -> the query that holds it, in the order in which they are asked after the devices."""


class NinjaOneCredentials(Fields):
    client_id: str = Field(min_length=1, max_length=200, description="Of an API client of the type API Services.")
    client_secret: str = Field(min_length=1, max_length=500)


class NinjaOne(RmmSource):
    product = "ninjaone"
    title = "NinjaOne"
    source = "ninjaone"
    addresses = (
        "https://app.ninjarmm.com",
        "https://us2.ninjarmm.com",
        "https://ca.ninjarmm.com",
        "https://eu.ninjarmm.com",
        "https://oc.ninjarmm.com",
    )
    Credentials: ClassVar[type[Fields]] = NinjaOneCredentials
    _organizations: Mapping[str, Record]
    _locations: Mapping[str, Record]

    async def sign_in(self) -> None:
        said = self.credentials.model_dump()
        await self.bear("/ws/oauth/token", {"grant_type": "client_credentials", "scope": "monitoring", **said})

    async def begin(self) -> None:
        await self.sign_in()
        self._organizations = await self._named("organizations")
        self._locations = await self._named("locations")

    async def page(self, place: str | None) -> Page:
        """A place is the part, how many pages of it there were, and the cursor to the next."""
        part, number, cursor = (place or "devices||").split("|", 2)
        if part == "devices":
            return await self._devices(cursor)
        return await self._rows(part, int(number), cursor)

    async def _devices(self, after: str) -> Page:
        found = await self._after("devices-detailed", after, DEVICES_AT_ONCE)
        if not found:
            return Page({}, f"{next(iter(QUERIES))}|0|")
        return Page({"devices": [self._with_names(each) for each in found]}, f"devices||{text_of(found[-1]['id'])}")

    async def _rows(self, part: str, number: int, cursor: str) -> Page:
        query, also = QUERIES[part]
        asked = {"pageSize": ROWS_AT_ONCE, **also, **({"cursor": cursor} if cursor else {})}
        try:
            answer = await self.get(f"/v2/queries/{query}", asked)
        except ToolFailed as failure:
            if cursor and failure.trouble in (Trouble.refused, Trouble.gone):
                raise ToolFailed(Trouble.expired, f"{failure.detail} The cursor seems to have run out.") from None
            if cursor or failure.trouble not in (Trouble.credentials, Trouble.gone):
                raise
            await self.sign_in()  # If not even that is allowed, it is the credentials and not the query.
            return Page({}, _behind(part), {part: failure})
        rows = records(at(answer, "results"), what=part)
        onward = text_of(at(answer, "cursor", "name"))
        following = f"{part}|{number + 1}|{onward}" if rows and onward else _behind(part)
        return Page({part: _newest(rows) if part == "os-patch-installs" else rows}, following)

    async def _named(self, kind: str) -> dict[str, Record]:
        named: dict[str, Record] = {}
        after = ""
        while found := await self._after(kind, after, ROWS_AT_ONCE):
            named |= {text_of(each["id"]): {"id": each["id"], "name": each.get("name")} for each in found}
            after = text_of(found[-1]["id"])
        return named

    async def _after(self, kind: str, after: str, at_once: int) -> list[Record]:
        """The page of a list behind an id. The last page is an empty one: a short one may be short for other reasons."""
        found = records(await self.get(f"/v2/{kind}", {"pageSize": at_once, **({"after": after} if after else {})}), what=kind)
        ids = [each.get("id") for each in found]
        if not all(isinstance(each, int) for each in ids) or (after and any(text_of(each) == after for each in ids)):
            raise wrong(f"The list of {kind} does not go on where it was left off.")
        return found

    def _with_names(self, device: Record) -> Record:
        """The device with the names of its client and its site, as the tool's own export has them."""
        given = device.get("references")
        references: Record = dict(given) if isinstance(given, dict) else {}
        for noun, known in (("organization", self._organizations), ("location", self._locations)):
            name = known.get(text_of(device.get(f"{noun}Id")))
            if name is not None and not text_of(at(references.get(noun), "name")):
                references[noun] = name
        return {**device, "references": references} if references else device


def _behind(part: str) -> str | None:
    """The place where the query after this one begins."""
    later = list(QUERIES)[list(QUERIES).index(part) + 1 :]
    return f"{later[0]}|0|" if later else None


def _newest(installed: list[Record]) -> list[Record]:
    """The last patch of each device on this page: a year of patches of a fleet would be millions of rows."""
    newest: dict[str, Record] = {}
    for row in installed:
        device = text_of(row.get("deviceId"))
        if device not in newest or _moment(row) > _moment(newest[device]):
            newest[device] = row
    return list(newest.values())


def _moment(row: Record) -> float:
    installed_at: Json = row.get("installedAt")
    return float(installed_at) if isinstance(installed_at, (int, float)) else 0.0
