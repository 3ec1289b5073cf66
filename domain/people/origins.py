"""The web pages that may call the API from a browser: each tenant names their origins in its settings, as ``origins``, and
each application its own."""

from collections.abc import Mapping
from typing import Any, cast

from domain.database import Database
from domain.errors import Fault, Invalid
from domain.settings import ORIGIN
from domain.tenancy import NOBODYS_TENANT, Wall

MOST_ORIGINS = 50
# A browser asks before it sends a credential, so no tenant is known yet. Both tables stand outside the wall.
_REGISTERED = (
    "select exists (select from tenant where settings -> 'origins' ? $1) or exists (select from web_origin where origin = $1)"
)


def check_origins(settings: Mapping[str, Any]) -> None:
    """Refuse settings whose ``origins`` no browser would ever send."""
    origins = settings.get("origins", [])
    if not isinstance(origins, list) or len(cast("list[Any]", origins)) > MOST_ORIGINS:
        raise Invalid.one("/settings/origins", "invalid", f"A list of at most {MOST_ORIGINS} origins.")
    faults = [
        Fault(f"/settings/origins/{place}", "invalid", "An origin reads https://host or https://host:port, in small letters.")
        for place, each in enumerate(cast("list[Any]", origins))
        if not isinstance(each, str) or not ORIGIN.fullmatch(each)
    ]
    if faults:
        raise Invalid(faults)


async def is_registered(database: Database, origin: str) -> bool:
    """Whether any tenant or application has named this origin."""
    if not ORIGIN.fullmatch(origin):
        return False
    async with database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
        found: bool = (await connection.exec_driver_sql(_REGISTERED, (origin,))).scalar_one()
        return found
