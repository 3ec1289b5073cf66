"""The one door. A request is read, its caller known, its transaction opened inside that caller's wall; then the route
acts once, and everything is committed **before** the answer leaves: a 201 is never a lie.

The order of refusal is fixed: 401 (who are you), 403 (your role), 404 (not there, or not yours), 422 (your fields),
409 (the state of things).
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from api.credentials import Credentials
from api.limits import RateLimits
from api.negotiation import is_no_json, not_json
from api.once import Once
from api.problems import fault_at
from domain.access import Permission, Principal, Withheld
from domain.database import tenant_session
from domain.errors import Conflict, Fault, Forbidden, Invalid, Malformed, NotFound, PreconditionFailed, Unauthenticated
from domain.inventory.organizations import Organization
from domain.runtime import Runtime
from domain.tenancy import NOBODY, NOBODYS_TENANT, Fields, TenantOwned, TenantSession, Wall

READS = frozenset({"GET", "HEAD", "OPTIONS"})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Row = TypeVar("Row", bound=TenantOwned)


class Versioned(Protocol):
    """What has an ETag."""

    version: int
    noun: ClassVar[str]


Tagged = TypeVar("Tagged", bound=Versioned)
Said = TypeVar("Said", bound=Fields)


@dataclass
class Inside:
    """What a route holds once its caller has come through the door."""

    principal: Principal
    session: TenantSession
    runtime: Runtime
    tagged: Versioned | None = None
    """The single resource that this request is about; its version becomes the ETag."""

    def tag(self, row: Tagged) -> Tagged:
        self.tagged = row
        return row


class DoorRoute(APIRoute):
    """A route that is entered through the door, with a credential."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        known = known_parameters(self)
        recorded = is_recorded(self.dependant)

        async def enter(request: Request) -> Response:
            runtime = runtime_of(request)
            credentials: Credentials = request.app.state.credentials
            limits: RateLimits = request.app.state.limits
            try:
                principal = await credentials.principal(request, circumstances(request))
            except Unauthenticated:
                await limits.spend(request, "address", request.state.address)
                raise
            await limits.spend(request, "credential", principal.actor.id)
            request.state.tenant_id = principal.tenant_id
            async with tenant_session(
                runtime.database,
                principal.wall,
                actor=principal.actor,
                read_only=request.method in READS and not recorded,
                context=circumstances(request),
            ) as session:
                inside = request.state.inside = Inside(principal, session, runtime)
                refuse_what_cannot_be(request, known)
                response = await act_once(request, session, runtime, handler)
                if inside.tagged is not None and response.status_code < 300:
                    response.headers["etag"] = etag(inside.tagged)
            if session.ended_credentials:
                # Other processes hear of it by a notification; this one answers only once it has forgotten.
                credentials.forget_all()
            return response

        return enter


class DoorstepRoute(APIRoute):
    """A route for people without a credential yet: the same manners, nobody's tenant."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        known = known_parameters(self)

        async def enter(request: Request) -> Response:
            runtime = runtime_of(request)
            await request.app.state.limits.spend(request, "address", request.state.address)
            async with tenant_session(
                runtime.database, Wall(NOBODYS_TENANT), actor=NOBODY, context=circumstances(request)
            ) as session:
                request.state.doorstep = session
                refuse_what_cannot_be(request, known)
                response = await act_once(request, session, runtime, handler)
            if session.ended_credentials:
                request.app.state.credentials.forget_all()
            return response

        return enter


class OutsideRoute(APIRoute):
    """A route for a browser on its way to somebody else's page or back. It waits for other people's computers, so it holds no
    transaction meanwhile, and opens its own when there is something to note."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        known = known_parameters(self)

        async def enter(request: Request) -> Response:
            await request.app.state.limits.spend(request, "address", request.state.address)
            refuse_what_cannot_be(request, known)
            return await handler(request)

        return enter


def door_router(tag: str) -> APIRouter:
    """The router of one noun, behind the door."""
    return APIRouter(route_class=DoorRoute, tags=[tag])


async def act_once(request: Request, session: TenantSession, runtime: Runtime, handler: Handler) -> Response:
    """Carry the request out, or give the answer that its ``Idempotency-Key`` has had before."""
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return await handler(request)
    once = Once(session, runtime.keyring, key)
    already = await once.claim(request, await request.body())
    if already is not None:
        return already
    response = await handler(request)
    await session.flush()
    if response.status_code < 400:
        await once.keep(response)
    else:
        await once.release()
    return response


def runtime_of(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


def circumstances(request: Request) -> dict[str, Any]:
    """What the audit trail keeps of the request itself: no header or body that could hold a secret."""
    return {
        "request_id": request.state.request_id,
        "address": request.state.address,
        "user_agent": request.headers.get("user-agent", "")[:300] or None,
    }


def known_parameters(route: APIRoute) -> frozenset[str]:
    """The names of every query parameter that the route or one of its dependencies reads."""

    def names(dependant: Dependant) -> set[str]:
        own = {field.alias for field in dependant.query_params}
        return own.union(*(names(each) for each in dependant.dependencies))

    return frozenset(names(route.dependant))


def is_recorded(dependant: Dependant) -> bool:
    """Whether one of a route's dependencies says that its reading is kept in the audit trail."""
    return getattr(dependant.call, "recorded", False) or any(is_recorded(each) for each in dependant.dependencies)


def refuse_what_cannot_be(request: Request, known: frozenset[str]) -> None:
    """A misspelt filter that is silently dropped shows far too much; so it is refused. No name in a path holds a NUL."""
    if "\0" in request.url.path:
        raise NotFound("resource")
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        allowed = ", ".join(sorted(known)) or "none"
        raise Invalid([Fault(f"query/{name}", "unknown", f"There is no such parameter; known: {allowed}.") for name in unknown])


def may(permission: Permission, *, recorded: bool = False) -> Any:
    """The dependency that lets a caller pass who has ``permission``. ``recorded`` is for a reading that the audit trail
    keeps: it may write its event, and nothing else."""

    async def check(request: Request) -> Inside:
        inside: Inside = request.state.inside
        if not inside.principal.may(permission):
            _refuse_withheld(inside.principal)
            raise Forbidden(f"This needs the permission {permission.value!r}, which your role or scopes do not give.")
        return inside

    check.permission = permission  # pyright: ignore[reportFunctionMemberAccess]  read again by api/openapi.py
    check.recorded = recorded  # pyright: ignore[reportFunctionMemberAccess]  read again by DoorRoute
    return Depends(check)


async def not_narrowed(request: Request) -> None:
    """For what concerns the account as a whole: whoever is narrowed to some organizations may not even look at it."""
    inside: Inside = request.state.inside
    if inside.principal.organization_ids is not None:
        raise Forbidden("This is about the whole account, and your access is narrowed to some organizations.")


async def inside_of(request: Request) -> Inside:
    """The dependency for what everybody with a credential may do."""
    inside: Inside = request.state.inside
    _refuse_withheld(inside.principal)
    return inside


async def inside_even_withheld(request: Request) -> Inside:
    """The dependency for the little that a session may do before it has shown its second factor."""
    inside: Inside = request.state.inside
    return inside


def _refuse_withheld(principal: Principal) -> None:
    match principal.withheld:
        case Withheld.verification:
            raise Forbidden("Show your second factor first: POST /v1/sessions/mfa.", code=Withheld.verification)
        case Withheld.enrolment:
            raise Forbidden("Set up a second factor first: POST /v1/me/mfa-factors.", code=Withheld.enrolment)
        case None:
            return


async def _doorstep(request: Request) -> TenantSession:
    session: TenantSession = request.state.doorstep
    return session


Doorstep = Annotated[TenantSession, Depends(_doorstep)]


def this(kind: type[Row], parameter: str | None = None, *, seen_by: Callable[[Principal, Row], bool] | None = None) -> Any:
    """The dependency that fetches the row named by the path, behind the caller's walls.

    On PATCH and DELETE the row is locked and ``If-Match`` is checked. A malformed id is an id of nothing: 404. ``seen_by`` is
    for rows inside the walls that are not everybody's there: to others they are not there either.
    """
    name = parameter or f"{kind.noun}_id"

    async def fetch(request: Request, **identifiers: str) -> TenantOwned:
        inside: Inside = request.state.inside
        try:
            identifier = UUID(identifiers[name])
        except ValueError:
            raise NotFound(kind.noun) from None
        changing = request.method in {"PATCH", "DELETE", "PUT"}
        row = await inside.session.fetch(kind, identifier, lock=changing)
        _refuse_transferred(request, row)
        if seen_by is not None and not seen_by(inside.principal, row):
            raise NotFound(kind.noun)
        if request.method == "POST" and getattr(row, "archived_at", None) is not None:
            raise Conflict(
                f"This {row.noun.replace('_', ' ')} is archived: it can be read, and takes nothing new.", code="archived"
            )
        if f"{{{name}}}" == request.scope["route"].path.rsplit("/", 1)[-1]:
            inside.tag(row)
            if changing:
                check_if_match(request, row)
        return row

    request_parameter = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    path_parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=str)
    fetch.__signature__ = inspect.Signature([request_parameter, path_parameter])  # pyright: ignore[reportFunctionMemberAccess]  FastAPI reads it
    return Depends(fetch)


def _refuse_transferred(request: Request, row: TenantOwned) -> None:
    """An empty list would say that there is nothing; what was here is with another tenant now. Its own row and what was paid
    for it can be read."""
    if not isinstance(row, Organization) or row.transferred_at is None:
        return
    stays = request.scope["route"].path.endswith(("/organizations/{organization_id}", "/subscription"))
    if request.method not in READS or not stays:
        on = row.transferred_at.date().isoformat()
        detail = f"This organization was handed over to {row.transferred_to} on {on}, with its records. Ask there."
        raise Conflict(detail, code="transferred")


async def whole_tenant(request: Request) -> None:
    """Lets nobody pass who is narrowed to some organizations."""
    inside: Inside = request.state.inside
    if inside.principal.organization_ids is not None:
        raise Forbidden("This concerns the whole account, and your access is narrowed to some organizations.")


ThisOrganization = Annotated[Organization, this(Organization)]


def etag(row: Versioned) -> str:
    return f'"{row.version}"'


def check_if_match(request: Request, row: Versioned) -> None:
    """RFC 9110 section 13.1.1, with the strong comparison."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    if etag(row) not in {each.strip() for each in wanted.split(",")}:
        raise PreconditionFailed(f"This {row.noun} is now at version {etag(row)}. Read it again and repeat your change.")


def merged(fields: type[Said], row: object, changes: Mapping[str, Any]) -> Said:
    """``changes`` as a JSON Merge Patch (RFC 7396) upon what the row says now, validated as a whole.

    Absent members stay, null takes a value back to unknown, and objects merge member by member.
    """
    unknown = sorted(set(changes) - set(fields.model_fields))
    if unknown:
        raise Invalid([Fault(f"/{name}", "unknown", "There is no such field, or it cannot be set here.") for name in unknown])
    current = {name: getattr(row, name) for name in fields.model_fields if hasattr(row, name)}
    patched = {**current, **{name: _merge(current.get(name), value) for name, value in changes.items()}}
    required = {name for name, field in fields.model_fields.items() if field.is_required()}
    given = {name: value for name, value in patched.items() if value is not None or name in required}
    try:
        return fields.model_validate(given)
    except ValidationError as error:
        raise Invalid(faults_of(error)) from None


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    base: dict[str, Any] = dict(target) if isinstance(target, dict) else {}  # pyright: ignore[reportUnknownArgumentType]  JSON
    for name, value in patch.items():  # pyright: ignore[reportUnknownVariableType]  JSON
        if value is None:
            base.pop(name, None)  # pyright: ignore[reportUnknownArgumentType]  JSON
        else:
            base[name] = _merge(base.get(name), value)  # pyright: ignore[reportUnknownArgumentType]  JSON
    return base


def faults_of(error: ValidationError) -> list[Fault]:
    """What a model found wrong, as faults of the body that it was given."""
    return [
        fault_at(each["loc"], each["type"], each["msg"])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ]


async def _changes(request: Request) -> dict[str, Any]:
    if is_no_json(request):
        raise not_json()
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON, or is nested too deeply.") from None
    if not isinstance(body, dict):
        raise Malformed("A merge patch is a JSON object.")
    return body  # pyright: ignore[reportUnknownVariableType]  JSON


Changes = Annotated[dict[str, Any], Depends(_changes)]
"""The body of a PATCH: a JSON Merge Patch. Give its route ``openapi_extra=patch_of(Fields)``."""


def patch_of(fields: type[BaseModel]) -> dict[str, Any]:
    """How a PATCH body stands in the contract: the fields, none of them required, each may be null."""
    schema = fields.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("required", None)
    schema.pop("$defs", None)
    schema["title"] = fields.__name__.removesuffix("Fields").removesuffix("Changes") + "Changes"
    content = {"schema": schema}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/merge-patch+json": content, "application/json": content},
        }
    }
