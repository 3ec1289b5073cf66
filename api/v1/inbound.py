"""Where ticketing products call back. Nobody is signed in here: the address names tenant and connection, and the call is
believed only for its signature over the raw body. Even then it is but a hint: the ticket itself is fetched.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.door import Doorstep, DoorstepRoute, runtime_of
from domain.clock import now
from domain.errors import NotFound
from domain.ticketing import callbacks

router = APIRouter(route_class=DoorstepRoute, tags=["ticketing"])
MOST_BYTES = 1024 * 1024


class HeardOut(BaseModel):
    looks: int = Field(description="How many of our tickets will be looked at because of this call.")


async def _raw(request: Request) -> Request:
    return request


@router.post(
    "/inbound/{connection_id}",
    status_code=202,
    response_model=HeardOut,
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": {"schema": {}}}}},
)
async def hear_callback(session: Doorstep, connection_id: str, request: Annotated[Request, Depends(_raw)]) -> HeardOut:
    """A callback of a ticketing product, signed as that product signs. `connection_id` is the last part of the
    connection's `callback_url`."""
    named = callbacks.address_of(connection_id)
    if named is None:
        raise NotFound("connection")
    headers = {name.lower(): value for name, value in request.headers.items()}
    looks = await callbacks.take(session, runtime_of(request), named, headers=headers, body=await request.body(), at=now())
    return HeardOut(looks=looks)
