"""``Idempotency-Key``: the same request sent twice is carried out once.

The key is claimed inside the request's own transaction, so of two that arrive together the second waits for the first
to commit and then finds its answer. A request that fails keeps nothing, and may be sent again.
"""

import base64
import hashlib
import json

from fastapi import Request, Response
from python_multipart.multipart import parse_options_header
from sqlmodel import col, select

from domain.errors import Conflict, Invalid
from domain.keyring import KeyRing
from domain.people.kept_answers import KeptAnswer
from domain.tenancy import NOBODYS_TENANT, TenantSession

KEPT_HEADERS = ("content-type", "etag", "location")
CLAIM = (
    "insert into kept_answer (tenant_id, principal_id, key, request_hash, created_at) values ($1, $2, $3, $4, now()) "
    "on conflict (tenant_id, principal_id, key) do update "
    "set request_hash = excluded.request_hash, status = null, sealed = null, created_at = excluded.created_at "
    "where kept_answer.created_at < now() - interval '24 hours'"
)
"""One row when the key is ours: new, or last used more than 24 hours ago."""


class Once:
    """One claim on one key."""

    def __init__(self, session: TenantSession, keyring: KeyRing, key: str) -> None:
        if not 1 <= len(key) <= 255 or not key.isprintable():
            raise Invalid.one("header/Idempotency-Key", "invalid", "Use 1 to 255 printable characters.")
        self._session = session
        self._keyring = keyring
        self._key = key
        self._tenant = session.tenant_id
        self._principal = session.actor.id or NOBODYS_TENANT

    async def claim(self, request: Request, body: bytes) -> Response | None:
        """The answer already given to this key, or None when it is ours to carry out."""
        route = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        digest = hashlib.sha256(route + _without_boundary(request, body)).hexdigest()
        connection = await self._session.driver()
        if await connection.execute(CLAIM, self._tenant, self._principal, self._key, digest) == "INSERT 0 1":
            return None
        kept = await self._row()
        if kept.request_hash != digest:
            raise Conflict(
                "This Idempotency-Key was already used for another request. Use a new key for a new request.",
                code="idempotency_key_reused",
            )
        return self._unseal(kept)

    async def keep(self, response: Response) -> None:
        """Store the answer beside what it did. Called inside the same transaction, before the commit."""
        answer = {
            "headers": {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers},
            "body": base64.b64encode(bytes(response.body)).decode(),
        }
        sealed = self._keyring.encrypt(json.dumps(answer), context=self._context())
        # Raw, because a sign-up ends inside the tenant that it made while its key was claimed outside of it.
        connection = await self._session.driver()
        await connection.execute(f"set local app.tenant_id = '{self._tenant}'")
        await connection.execute(
            "update kept_answer set status = $4, sealed = $5 where (tenant_id, principal_id, key) = ($1, $2, $3)",
            self._tenant, self._principal, self._key, response.status_code, sealed,
        )  # fmt: skip
        await connection.execute(f"set local app.tenant_id = '{self._session.tenant_id}'")

    async def release(self) -> None:
        """Give the key back: a refusal keeps nothing, and may be asked again."""
        connection = await self._session.driver()
        await connection.execute(
            "delete from kept_answer where (tenant_id, principal_id, key) = ($1, $2, $3)",
            self._tenant, self._principal, self._key,
        )  # fmt: skip

    async def _row(self) -> KeptAnswer:
        statement = select(KeptAnswer).where(
            col(KeptAnswer.tenant_id) == self._tenant,
            col(KeptAnswer.principal_id) == self._principal,
            col(KeptAnswer.key) == self._key,
        )
        return (await self._session.execute(statement)).scalar_one()

    def _unseal(self, kept: KeptAnswer) -> Response:
        assert kept.sealed is not None, "a committed claim has its answer"
        assert kept.status is not None
        answer = json.loads(self._keyring.decrypt(kept.sealed, context=self._context()))
        headers = {**answer["headers"], "Idempotent-Replayed": "true"}
        return Response(base64.b64decode(answer["body"]), status_code=kept.status, headers=headers)

    def _context(self) -> str:
        return f"kept_answer:{self._tenant}:{self._principal}:{self._key}"


def _without_boundary(request: Request, body: bytes) -> bytes:
    """A client that sends the same form again draws a new boundary, so the boundary is no part of what was asked."""
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    return body.replace(boundary, b"-") if kind == b"multipart/form-data" and boundary else body
