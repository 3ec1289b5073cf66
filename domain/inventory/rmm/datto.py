"""Datto RMM's API v2: the devices of the account page by page, and the audit of each where the connection asks for it.

Every page names the address of the next one. It is followed only on the host that the connection names: whoever could put
another one there would otherwise be sent our token.
"""

import base64
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field

from domain.inventory.imports.columns import ColumnMapping
from domain.inventory.imports.documents import at
from domain.inventory.imports.normal_form import Json
from domain.inventory.imports.texts import text_of
from domain.inventory.rmm.source import Page, Record, RmmSource, records, wrong
from domain.outbound.tools import ToolFailed, Trouble
from domain.tenancy import Fields

AT_ONCE = 250
AT_ONCE_WITH_AUDITS = 50
"""One request for each audit: a page that was broken off costs so many anew."""
_PUBLIC_CLIENT = "Basic " + base64.b64encode(b"public-client:public").decode()


class DattoCredentials(Fields):
    api_key: str = Field(min_length=1, max_length=200, description="Of a user of Datto RMM, from Setup > Users.")
    api_secret: str = Field(min_length=1, max_length=500)


class DattoSettings(Fields):
    audits: bool = Field(
        default=False, description="Read each device's audit as well, for its serial number: one request for each device."
    )
    encryption_field: str | None = Field(
        default=None, pattern=r"^udf([1-9]|[12]\d|30)$", description="The user-defined field that a BitLocker component fills."
    )


class Datto(RmmSource):
    product = "datto"
    title = "Datto RMM"
    source = "datto"
    addresses = tuple(
        f"https://{each}-api.centrastage.net" for each in ("pinotage", "merlot", "concord", "vidal", "zinfandel", "syrah")
    )
    Settings: ClassVar[type[Fields]] = DattoSettings
    Credentials: ClassVar[type[Fields]] = DattoCredentials

    async def sign_in(self) -> None:
        said = {"username": self.credentials.api_key, "password": self.credentials.api_secret}
        await self.bear("/auth/oauth/token", {"grant_type": "password", **said}, {"authorization": _PUBLIC_CLIENT})

    async def page(self, place: str | None) -> Page:
        """A place is how many devices there were before it, and the path of the page."""
        before, target = (place or "0|").split("|", 1)
        at_once = AT_ONCE_WITH_AUDITS if self.settings.audits else AT_ONCE
        answer = await self.get(target or f"/api/v2/account/devices?max={at_once}&page=0")
        devices = records(at(answer, "devices"), what="devices")
        onward, there = at(answer, "pageDetails", "nextPageUrl"), int(before) + len(devices)
        parts: dict[str, list[Record] | Record] = {"devices": devices}
        if self.settings.audits:
            parts["audit"] = await self._audits(devices)
        if onward:
            return Page(parts, f"{there}|{self._here(onward)}")
        total = at(answer, "pageDetails", "totalCount")
        if isinstance(total, int) and there < total:
            raise wrong(f"It spoke of {total} devices and listed only {there}.")
        return Page(parts, None)

    def mapping(self) -> ColumnMapping:
        field = self.settings.encryption_field
        return ColumnMapping({field: "encryption"} if field else {})

    def _here(self, onward: Json) -> str:
        """The path of the next page, if it is on our host."""
        next_page, here = urlsplit(text_of(onward)), urlsplit(self.web.base_url)
        if (next_page.scheme, next_page.netloc) != (here.scheme, here.netloc) or not next_page.path.startswith(here.path):
            raise wrong("It named a next page on another host. Nothing was sent there.")
        return next_page.path.removeprefix(here.path) + (f"?{next_page.query}" if next_page.query else "")

    async def _audits(self, devices: list[Record]) -> Record:
        audits: dict[str, Any] = {}
        for uid in filter(None, (text_of(each.get("uid")) for each in devices)):
            try:
                audits[uid] = await self.get(f"/api/v2/audit/device/{quote(uid, safe='')}")
            except ToolFailed as failure:
                if failure.trouble not in (Trouble.refused, Trouble.gone):
                    raise
                # A printer or an ESXi host has an audit of another kind, and a new device none yet.
        return audits
