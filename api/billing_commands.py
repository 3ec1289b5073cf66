"""``bitewing billing``: the operator's side of money."""

import json
from dataclasses import asdict
from uuid import UUID

import typer

from api.serving import opened
from billing import operator, reconcile
from domain.settings import Settings


async def approve(settings: Settings, tenant_id: UUID, quote_id: UUID, percent: int) -> None:
    async with opened(settings, migrating=False) as (runtime, _):
        await operator.approve(runtime, tenant_id, quote_id, percent)
    typer.echo(f"Quote {quote_id} may now be finalized with up to {percent} % off.")


async def sync(settings: Settings) -> None:
    async with opened(settings, migrating=False) as (runtime, _):
        moved = await reconcile.sync(runtime)
    typer.echo(f"Stripe knows every price; {moved} accounts were moved into its ledger. The worker tells it what they hold.")


async def overview(settings: Settings) -> None:
    async with opened(settings, migrating=False) as (runtime, _):
        found = await operator.revenue(runtime)
    typer.echo(json.dumps(asdict(found), indent=2))
