"""The catalogue: what the law asks, what is asked of people, what can be known, which rules read it. The same for everyone.

It comes from memory and not from the database, and changes only with an edition. So the edition's digest is the ETag, and
a client that has the page already is told so without it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Header, Response

from api.derived import no_cursor, read_cursor, write_cursor
from api.door import Inside, door_router, may
from api.pages import Page, Paged, Window, page_of
from api.v1 import catalogue_rows as rows
from api.v1.catalogue_rows import (
    CatalogueRow,
    FactOut,
    ImagingVendorOut,
    OsLifecycleOut,
    RequirementOut,
    Status,
    ThreatOut,
    TopicOut,
    VendorCategoryOut,
)
from domain.access import Permission
from domain.errors import Invalid
from domain.inventory.kinds import DeviceKind, SystemKind
from domain.sra.catalogue import digest
from domain.sra.catalogue.rows import RequirementType

router = door_router("catalogue")
Reader = Annotated[Inside, may(Permission.catalogue_read)]
IfNoneMatch = Annotated[str | None, Header(description="The ETag of the page that you have.")]
Row = TypeVar("Row", bound=CatalogueRow)

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "You have this page of this edition already."}}
KINDS = sorted({*DeviceKind, *SystemKind})


@router.get("/catalogue/requirements", response_model=Page[RequirementOut], responses=NOT_MODIFIED)
async def list_catalogue_requirements(
    by: Reader,
    window: Paged,
    status: Status = "in_force",
    type: RequirementType | None = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The paragraphs in force. What is only proposed is asked for by ``status=proposed``, so the two are never mixed."""
    found = [row for row in rows.requirements() if row.status == status and type in (None, row.type)]
    return _answer(found, window, if_none_match, key=lambda row: row.key)


@router.get("/catalogue/topics", response_model=Page[TopicOut], responses=NOT_MODIFIED)
async def list_catalogue_topics(
    by: Reader, window: Paged, group: str | None = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The questions of the guide, section by section. Those about the proposed rule are ``proposed`` and not scored."""
    return _answer(_in_group(rows.topics(), group), window, if_none_match, key=lambda row: row.id)


@router.get("/catalogue/threats", response_model=Page[ThreatOut], responses=NOT_MODIFIED)
async def list_catalogue_threats(
    by: Reader, window: Paged, group: str | None = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The rules that find risks."""
    return _answer(_in_group(rows.threats(), group), window, if_none_match, key=lambda row: row.id)


@router.get("/catalogue/facts", response_model=Page[FactOut], responses=NOT_MODIFIED)
async def list_catalogue_facts(
    by: Reader, window: Paged, of: str | None = None, kind: str | None = None, if_none_match: IfNoneMatch = None
) -> Response:
    """What can be known, each with its question and the JSON Schema of its answer: enough to draw a form.

    ``of=asset&kind=capture_workstation`` gives what is asked of such a device; ``kind`` is a kind of device or system.
    """
    everything = rows.facts()
    of = _one_of("of", of, {row.of for row in everything})
    kind = _one_of("kind", kind, KINDS)
    if kind is not None and of not in (None, "asset"):
        raise Invalid.one("query/kind", "not_for_kind", "Only devices and systems have kinds: leave it out, or say of=asset.")
    of = "asset" if kind is not None else of
    found = [row for row in everything if of in (None, row.of) and (kind is None or not row.kinds or kind in row.kinds)]
    return _answer(found, window, if_none_match, key=lambda row: row.key)


@router.get("/catalogue/os-lifecycles", response_model=Page[OsLifecycleOut], responses=NOT_MODIFIED)
async def list_catalogue_os_lifecycles(
    by: Reader, window: Paged, product: str | None = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Until when releases are supported. Its ``key`` is the ``os_key`` of a device."""
    everything = rows.os_lifecycles()
    product = _one_of("product", product, {row.product for row in everything})
    found = [row for row in everything if product in (None, row.product)]
    return _answer(found, window, if_none_match, key=lambda row: row.key)


@router.get("/catalogue/vendor-categories", response_model=Page[VendorCategoryOut], responses=NOT_MODIFIED)
async def list_catalogue_vendor_categories(by: Reader, window: Paged, if_none_match: IfNoneMatch = None) -> Response:
    """Kinds of outside parties with the role that is suggested for each. The facts of an engagement decide."""
    return _answer(rows.vendor_categories(), window, if_none_match, key=lambda row: row.key)


@router.get("/catalogue/imaging-vendors")
async def list_catalogue_imaging_vendors(by: Reader, window: Paged, category: str | None = None) -> Page[ImagingVendorOut]:
    """What is publicly known of imaging vendors: products and category, to begin one's own list with. No part of an edition."""
    everything = rows.imaging_vendors()
    category = _one_of("category", category, {row.key for row in rows.vendor_categories()})
    return page_of([row for row in everything if category in (None, row.category)], window, key=lambda row: row.name)


def _in_group(everything: Sequence[Any], group: str | None) -> list[Any]:
    wanted = _one_of("group", group, {row.group for row in everything})
    return [row for row in everything if wanted in (None, row.group)]


def _one_of(name: str, value: str | None, allowed: Iterable[str]) -> str | None:
    """The filter as it was given. A word that fits nothing is a misspelling, and no list is the answer to it."""
    known = sorted(allowed)
    if value is not None and value not in known:
        raise Invalid.one(f"query/{name}", "unknown", f"Known are: {', '.join(known)}.")
    return value


def _answer(found: Sequence[Row], window: Window, if_none_match: str | None, *, key: Callable[[Row], str]) -> Response:
    """The page of ``found`` that the window wants, or 304."""
    page, following = _page(found, window, key=key)
    tag = f'"{digest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600"}
    if if_none_match is not None and _matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    body = Page[Any](data=page, next=following)
    return Response(body.model_dump_json(by_alias=True), media_type="application/json", headers=headers)


def _page(found: Sequence[Row], window: Window, *, key: Callable[[Row], str]) -> tuple[list[Row], str | None]:
    start = 0
    if window.after is not None:
        last = read_cursor(window.after)
        place = next((place for place, row in enumerate(found) if key(row) == last), None)
        if place is None:
            raise no_cursor()
        start = place + 1
    page = list(found[start : start + window.limit])
    return page, write_cursor(key(page[-1])) if start + window.limit < len(found) else None


def _matches(if_none_match: str, tag: str) -> bool:
    """RFC 9110 section 13.1.2, with the weak comparison."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in if_none_match.split(","))
