"""Where Stripe tells what happened. Its signature is the credential; the answer is 202 before anything is worked off."""

from typing import Annotated

from fastapi import APIRouter, Header, Request

from api.door import Doorstep, DoorstepRoute, runtime_of
from billing import inbox
from billing.gateway import NotStripes, read_event
from domain.errors import Malformed, NotFound

doorstep = APIRouter(route_class=DoorstepRoute, tags=["billing"])


@doorstep.post("/stripe/webhook", status_code=202)
async def hear_stripe(session: Doorstep, request: Request, stripe_signature: Annotated[str, Header()] = "") -> dict[str, bool]:
    """An event of Stripe, verified over the bytes as they came. 404 where no secret is set: then nobody listens here."""
    secret = runtime_of(request).settings.stripe_webhook_secret
    if secret is None or not secret.get_secret_value():
        raise NotFound("endpoint")
    try:
        event = read_event(await request.body(), stripe_signature, secret.get_secret_value())
    except NotStripes:
        raise Malformed("This was not signed by Stripe.") from None
    await inbox.take_in(session, event)
    return {"received": True}
