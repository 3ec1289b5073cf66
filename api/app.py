"""The application: its list of routers is the table of contents of the API."""

from asyncio import Semaphore
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api import problems
from api.credentials import Credentials
from api.docs import add_docs
from api.headers import HeadAsGet
from api.issuers import Issuers
from api.limits import RateLimits
from api.oauth import metadata, tokens
from api.openapi import add_contract, contract
from api.origins import Origins
from api.screens import authorize, browsers, quote, respond, signing_in
from api.screens.showing import add_assets
from api.telemetry import Measurements, Observed
from api.v1 import (
    access_requests,
    api_keys,
    assessments,
    audit_log,
    baas,
    backups,
    billing,
    campaigns,
    catalogue,
    column_mappings,
    connections,
    deliveries,
    devices,
    disposals,
    documents,
    engagements,
    events,
    finding_groups,
    findings,
    fleet_imports,
    flows,
    groups,
    imports,
    inbound,
    incidents,
    invoices,
    known_issues,
    locations,
    members,
    mfa,
    network_map,
    oauth_clients,
    oauth_grants,
    organizations,
    partners,
    plans,
    policies,
    portfolio,
    quotes,
    readiness,
    remote_accesses,
    reviews,
    rmm_connections,
    rmm_sites,
    segments,
    service_accounts,
    sessions,
    sso,
    sso_connections,
    staleness,
    start,
    stripe_inbox,
    subscriptions,
    systems,
    tasks,
    tenant,
    tickets,
    topic_links,
    topics,
    transfers,
    vendor_clients,
    vendors,
    webhooks,
    workforce,
)
from domain.outbound.egress import EgressPolicy, egress_under
from domain.people.origins import is_registered
from domain.queue_state import queue_state
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, Wall

ROUTERS = (
    start.doorstep,
    start.router,
    sessions.doorstep,
    sessions.router,
    sso.outside,
    sso.doorstep,
    mfa.router,
    members.doorstep,
    members.router,
    sso_connections.router,
    tenant.router,
    api_keys.router,
    service_accounts.router,
    oauth_clients.router,
    oauth_grants.router,
    organizations.router,
    groups.router,
    portfolio.router,
    locations.router,
    devices.router,
    disposals.router,
    imports.router,
    fleet_imports.router,
    rmm_sites.router,
    rmm_connections.router,
    column_mappings.router,
    reviews.router,
    systems.router,
    partners.router,
    flows.router,
    network_map.router,
    segments.router,
    backups.router,
    remote_accesses.router,
    workforce.router,
    policies.router,
    documents.router,
    incidents.router,
    access_requests.router,
    vendors.router,
    vendor_clients.router,
    engagements.router,
    baas.router,
    catalogue.router,
    assessments.router,
    readiness.router,
    topics.router,
    staleness.router,
    topic_links.router,
    topic_links.respondents,
    findings.router,
    finding_groups.router,
    known_issues.router,
    tasks.router,
    tickets.router,
    transfers.router,
    connections.router,
    connections.mapped,
    inbound.router,
    campaigns.router,
    events.router,
    audit_log.router,
    webhooks.router,
    deliveries.router,
    plans.router,
    subscriptions.router,
    invoices.router,
    quotes.doorstep,
    stripe_inbox.doorstep,
    quotes.router,
    billing.router,
)

SCREENS = (respond.router, quote.router, authorize.router, signing_in.router)
"""Pages for people, beside the contract."""


PROVIDERS_ANSWER_WITHIN = 8.0
"""Seconds: a person looks at an empty page meanwhile."""
WAITING_OUTSIDE = 2
"""So many requests may wait for other people's computers with a transaction open."""


def build(runtime: Runtime) -> FastAPI:
    """The application over an open runtime."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.credentials = Credentials(runtime.database)
        app.state.limits = RateLimits(runtime.settings, runtime.tallies)
        policy = replace(EgressPolicy.of(runtime.settings), deadline=PROVIDERS_ANSWER_WITHIN)
        app.state.issuers = Issuers(egress_under(policy), policy)
        app.state.waiting_outside = Semaphore(WAITING_OUTSIDE)
        await app.state.credentials.start()
        yield
        await app.state.credentials.stop()

    app = FastAPI(
        title="Bitewing API",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.runtime = runtime
    measurements = Measurements()
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    for program in (tokens.router, metadata.router):
        app.include_router(program, prefix="/v1")
    # RFC 8414 looks for it at the root of the issuer; the contract has all of its paths under /v1.
    app.include_router(metadata.router)
    for screen in SCREENS:
        app.include_router(screen)
    add_assets(app)
    _add_plumbing(app, runtime, measurements)
    add_docs(app)
    add_contract(app)
    problems.install(app)
    app.add_middleware(
        Origins,
        always=runtime.settings.cors_origins,
        never=frozenset({browsers.AUTHORIZE}),
        registered=lambda origin: is_registered(runtime.database, origin),
    )
    app.add_middleware(Observed, settings=runtime.settings, measurements=measurements)
    app.add_middleware(HeadAsGet)
    return app


def contract_of_the_program() -> dict[str, Any]:
    """The contract without a database: routes need none to be described."""
    app = FastAPI(generate_unique_id_function=_operation_id)
    for router in ROUTERS:
        app.include_router(router, prefix="/v1")
    return contract(app)


def _operation_id(route: APIRoute) -> str:
    """The function's name: what a generated client calls the method."""
    return route.name


def _add_plumbing(app: FastAPI, runtime: Runtime, measurements: Measurements) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        """The process runs."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        """The database answers. Without its Redis a process goes on serving, and counts for itself: it says so, and is ready,
        because a balancer that took every process away for that would be the greater harm."""
        async with runtime.database.inside(Wall(NOBODYS_TENANT), read_only=True) as connection:
            await connection.execute(text("select 1"))
        redis = {None: {}, True: {"redis": "ok"}, False: {"redis": "away"}}[await runtime.tallies.redis_answers()]
        return JSONResponse({"status": "ready", **redis})

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        try:
            measurements.note_queue(await queue_state(runtime.database))
        except (DBAPIError, OSError):
            # A database that is away is seen in other figures, which must still be told.
            measurements.note_queue(())
        return Response(generate_latest(measurements.registry), media_type=CONTENT_TYPE_LATEST)
