"""The network map of an organization: as data, as a drawing, or as text that a wiki draws."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import Query, Request, Response
from pydantic import BaseModel

from api.door import Inside, ThisOrganization, door_router, may
from api.negotiation import negotiate
from domain.access import Permission
from domain.clock import today
from domain.inventory.map import NetworkMap, OsSupport, to_json
from domain.inventory.map_drawing import to_svg
from domain.inventory.map_mermaid import to_mermaid
from domain.inventory.map_rows import read_map

router = door_router("inventory")
Reader = Annotated[Inside, may(Permission.flows_read)]
JSON, SVG, MERMAID = "application/json", "image/svg+xml", "text/vnd.mermaid"


@lru_cache(maxsize=64)
def _drawn(document: str) -> str:
    """The same map gives the same drawing byte for byte, and drawing it takes a second or more."""
    return to_svg(NetworkMap.model_validate_json(document))


FORMS: dict[str, Callable[[NetworkMap], str]] = {
    JSON: to_json,
    SVG: lambda network: _drawn(network.model_dump_json()),
    MERMAID: to_mermaid,
}


class MapNodeOut(BaseModel):
    id: str
    """The id of the device, system, partner or vendor; another key for what has no row."""
    name: str
    kind: str
    location: str | None
    segment: str | None
    stores_ephi: bool | None
    os_support: OsSupport
    hosted: bool
    outside: bool


class MapEdgeOut(BaseModel):
    id: str
    """The id of the flow."""
    source: str
    destination: str
    method: str | None
    encrypted: bool | None
    logged: bool | None
    crosses_internet: bool | None
    purpose: str | None
    direction: str | None
    label: str


class MapClusterOut(BaseModel):
    id: str
    name: str
    kind: Literal["location", "segment"]
    parent: str | None
    nodes: list[str]


class MapOut(BaseModel):
    title: str
    as_of: date
    nodes: list[MapNodeOut]
    edges: list[MapEdgeOut]
    """In the order of their numbers: the first is flow 1 in the drawing and in the words."""
    clusters: list[MapClusterOut]
    summary: str
    text: list[str]
    """The whole map in words."""


def _as_text(kind: str) -> dict[str, Any]:
    return {"schema": {"type": "string", "description": f"The map as {kind}."}}


@router.get(
    "/organizations/{organization_id}/map",
    response_model=MapOut,
    responses={200: {"description": "The map.", "content": {SVG: _as_text("SVG"), MERMAID: _as_text("Mermaid")}}},
    dependencies=[may(Permission.devices_read), may(Permission.systems_read), may(Permission.partners_read)],
)
async def read_network_map(
    by: Reader,
    organization: ThisOrganization,
    request: Request,
    as_of: Annotated[
        date | None,
        Query(description="The day of which it is: flows active and assets in use then, as far as recorded; today if absent."),
    ] = None,
) -> Response:
    """In the form that `Accept` asks for: `application/json`, `image/svg+xml` or `text/vnd.mermaid`."""
    form = negotiate(request.headers.get("accept", "*/*"), tuple(FORMS))
    network = await read_map(by.session, organization, as_of=as_of or today())
    content = await anyio.to_thread.run_sync(FORMS[form], network)
    headers = {"Vary": "Accept", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(content, media_type=form, headers=headers)
