"""The worker's part in handing a practice over: its files first, then everything in one transaction, then its cover.

Begun again at any point it does what is left. Whoever is paid for by the giver is credited there for the rest of the year and
charged at the receiver's from that day on; who pays for itself takes its year along.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, select

from billing import standing, subscriptions
from billing.accounts import Account, account_of, ledger_of, tell_stripe
from billing.calls import StripeCall, once
from billing.charges import Charge, waiting
from billing.gateway import reached
from billing.invoices import open_invoices
from billing.quotes import Quote, QuoteStatus
from billing.subscription_rows import Payer, Renewal, State, Subscription, live_subscription
from billing.subscriptions import SubscriptionFields
from domain.clock import now, today
from domain.database import tenant_session
from domain.errors import Conflict, Unavailable
from domain.events import emit
from domain.inventory.groups import sort_into_groups
from domain.inventory.import_runs import ImportRun, ImportStatus
from domain.inventory.organizations import Organization
from domain.jobs import CLEAR_OUT, RENDER_REPORT, REVIEW_AGREEMENTS, Errand, enqueue, enqueue_once
from domain.people import transfers
from domain.people.api_keys import ApiKey, revoke
from domain.people.clearing_out import carry_trail, keep_trail, tell_owners
from domain.people.invitations import Invitation, take_back
from domain.people.members import Member
from domain.people.seating import end_seat
from domain.people.tenants import all_tenants
from domain.people.transfers import Transfer, TransferDirection, TransferStatus
from domain.runtime import Runtime
from domain.sra.assessments import Assessment, AssessmentStatus
from domain.tables import metadata
from domain.tenancy import SYSTEM, TenantSession, Wall

HAND_OVER = "transfers.hand_over"
"""The job; ``tenant_id`` is the receiver's."""
STUCK = timedelta(minutes=10)
_KEPT_OF_ACCOUNT = (
    "ledger", "collection", "anchor", "period_start", "period_end", "next_statement_on", "billing_name", "billing_email",
    "billing_address", "billing_postal_code", "billing_country", "tax_rate", "stripe_customer_id",
    "stripe_subscription_id", "stripe_status", "stripe_bills_from", "pushed",
)  # fmt: skip
_KEPT_OF_CHARGE = ("description", "quantity", "unit_cents", "amount_cents", "first_day", "last_day", "stripe_invoice_item_id")


async def may_leave(session: TenantSession, organization: Organization) -> None:
    """Refuse while something of an organization is half done, or owed by itself."""
    running = col(ImportRun.status).in_([ImportStatus.queued, ImportStatus.running])
    if await _any(session, select(ImportRun.id).where(col(ImportRun.organization_id) == organization.id, running)):
        raise Conflict("An import for this organization is still running.", code="import_running")
    promised = (col(Quote.status) == QuoteStatus.accepted) & col(Quote.begun_on).is_(None)
    if await _any(session, select(Quote.id).where(col(Quote.organization_id) == organization.id, promised)):
        raise Conflict("An accepted quote for this organization has not begun yet.", code="quote_waits")
    account = await account_of(session, organization.id)
    if account is not None and await open_invoices(session, account):
        raise Conflict("An invoice that this organization pays itself is open. Settle it first.", code="invoice_open")


def begin(session: TenantSession, transfer: Transfer) -> None:
    """Have the worker carry out what both have agreed to."""
    assert transfer.other_tenant_id is not None
    enqueue(session, HAND_OVER, transfer_id=transfer.id, from_tenant_id=transfer.other_tenant_id)


async def hand_over(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """The job."""
    giver, receiver = Wall(UUID(payload["from_tenant_id"])), Wall(UUID(payload["tenant_id"]))
    identifier = UUID(payload["transfer_id"])
    async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
        transfer = await session.fetch(Transfer, identifier)
    assert transfer.organization_id is not None
    if transfer.status is TransferStatus.accepted:
        async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
            keys = await _keys_of(session, transfer.organization_id)
        for key in keys:
            await runtime.files.carry(key, to=receiver.tenant_id)
        account_id = await _account_there(runtime, receiver, giver, transfer.organization_id)
        await _rename_customer(runtime, giver, transfer, tenant_id=receiver.tenant_id, account_id=account_id)
        if not await _move(runtime, giver, identifier, carried=keys):
            await _rename_customer(runtime, giver, transfer, tenant_id=giver.tenant_id, account_id=account_id)
            return
    elif transfer.status is not TransferStatus.moved:
        return
    await _settle_in(runtime, giver, receiver, identifier)


async def hand_over_what_is_stuck(runtime: Runtime) -> None:
    """The chore: what both have agreed to is carried out, though its job was given up."""
    for tenant_id in await all_tenants(runtime.database):
        async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
            statement = select(Transfer).where(
                col(Transfer.direction) == TransferDirection.incoming,
                col(Transfer.status).in_([TransferStatus.accepted, TransferStatus.moved]),
                col(Transfer.finished_at).is_(None),
                col(Transfer.agreed_at) < now() - STUCK,
            )
            found = [each for each in (await session.execute(statement)).scalars() if each.other_tenant_id]
            errands = [
                Errand(key=f"{HAND_OVER}:{each.id}", ids={"transfer_id": each.id, "from_tenant_id": str(each.other_tenant_id)})
                for each in found
            ]
            await enqueue_once(session, HAND_OVER, errands)


async def _move(runtime: Runtime, giver: Wall, identifier: UUID, *, carried: list[str]) -> bool:
    """Everything that ends at the giver's, and the rows, at once. False when it cannot be: then both sides know why."""
    async with tenant_session(runtime.database, giver, actor=SYSTEM) as session:
        transfer = await session.fetch(Transfer, identifier, lock=True)
        if transfer.status is not TransferStatus.accepted:
            return transfer.status is TransferStatus.moved
        assert transfer.organization_id is not None
        organization = await session.fetch(Organization, transfer.organization_id, lock=True)
        try:
            await may_leave(session, organization)
        except Conflict as conflict:
            if conflict.specific_code == "import_running":
                raise Unavailable("An import is still running.") from None
            await transfers.stop(session, transfer, conflict.detail)
            return False
        transfer.cover = await _end_cover(session, organization, on=today())
        await _void_quotes(session, organization)
        await _end_credentials(session, organization.id)
        await transfers.move(session, transfer, organization, carried=carried)
        transfer.left_files = carried
        await session.flush()
        await tell_owners(session, transfer)
        enqueue(session, CLEAR_OUT, transfer_id=transfer.id)
    return True


async def _settle_in(runtime: Runtime, giver: Wall, receiver: Wall, identifier: UUID) -> None:
    """What begins at the receiver's, once."""
    async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
        transfer = await session.fetch(Transfer, identifier)
    assert transfer.organization_id is not None
    trail = await carry_trail(runtime, giver, receiver, transfer.organization_id)
    async with tenant_session(runtime.database, receiver, actor=SYSTEM) as session:
        received = await session.fetch(Transfer, identifier, lock=True)
        if received.finished_at is not None:
            return
        organization = await session.fetch(Organization, transfer.organization_id, lock=True)
        await _begin_cover(session, organization, transfer.cover, Payer(received.paid_by), runtime=runtime, on=today())
        await sort_into_groups(session, organization)
        enqueue(session, REVIEW_AGREEMENTS, organization_id=organization.id)
        for assessment_id in await _sealed(session, organization.id):
            enqueue(session, RENDER_REPORT, assessment_id=assessment_id)
        await keep_trail(session, received, trail)
        await tell_owners(session, received)
        received.finished_at = now()


async def _end_cover(session: TenantSession, organization: Organization, *, on: date) -> dict[str, Any]:
    """End what is subscribed; what the receiver must know to let it go on."""
    live = await live_subscription(session, organization.id, lock=True)
    if live is None:
        return {}
    account = await session.fetch(Account, live.account_id, lock=True)
    cover: dict[str, Any] = {"plan": live.plan, "locations": live.locations}
    if account.organization_id is None or account.anchor is None:
        await subscriptions.end(session, account, live, on=on)
        return cover
    cover |= {"rate": live.rate, "rate_until": live.rate_until, "renewal": live.renewal, "paid_by": live.paid_by}
    cover |= {"ending": live.cancel_at_period_end, "account_id": account.id}
    cover |= {"account": {name: getattr(account, name) for name in _KEPT_OF_ACCOUNT}}
    charges = await waiting(session, account)
    cover["charges"] = [{name: getattr(each, name) for name in _KEPT_OF_CHARGE} for each in charges]
    for each in charges:
        await session.delete(each)
    live.ended_on = on
    account.anchor = account.period_start = account.period_end = account.next_statement_on = None
    account.stripe_customer_id = account.stripe_subscription_id = account.stripe_status = None
    # The customer goes along. Should anything be put on this account again, it is to have one of its own.
    await session.execute(delete(StripeCall).where(col(StripeCall.purpose) == f"customer:{account.id}"))
    await session.flush()
    emit(session, "subscription.canceled", live, {"ended_on": on})
    await standing.refresh(session, account, on=on, also=[live])
    return cover


async def _begin_cover(
    session: TenantSession, organization: Organization, cover: Mapping[str, Any], payer: Payer, *, runtime: Runtime, on: date
) -> None:
    """As the receiver has said; or on the year that the organization has paid for itself. Without a cover it lives on the
    receiver's trial, if that runs."""
    organization.covered_until = organization.paid_until = organization.subscription_state = organization.plan = None
    organization.limits = {}
    await session.flush()
    if not cover:
        return
    if "account" not in cover:
        recorded = await subscriptions.counted_locations(session, organization, None)
        fields = SubscriptionFields(plan=cover["plan"], locations=max(cover["locations"], recorded), paid_by=payer)
        await subscriptions.subscribe(session, organization, fields, ledger=ledger_of(runtime.settings), on=on)
        return
    account = await account_of(session, organization.id, lock=True)
    account = account or Account(id=UUID(cover["account_id"]), organization_id=organization.id)
    account.sqlmodel_update(Account.model_validate(cover["account"]).model_dump(include=set(_KEPT_OF_ACCOUNT)))
    await session.save(account)
    subscription = Subscription(
        organization_id=organization.id,
        account_id=account.id,
        paid_by=Payer(cover["paid_by"]),
        renewal=Renewal(cover["renewal"]),
        plan=cover["plan"],
        locations=cover["locations"],
        rate=cover["rate"],
        rate_until=_day(cover["rate_until"]),
        cancel_at_period_end=cover["ending"],
        state=State.incomplete,
        starts_on=on,
    )
    await session.save(subscription)
    said = {"plan": subscription.plan, "locations": subscription.locations, "paid_by": subscription.paid_by.value}
    emit(session, "subscription.created", subscription, said)
    for each in cover["charges"]:
        said = {**each, "organization_id": organization.id, "account_id": account.id, "tenant_id": session.tenant_id}
        await session.save(Charge.model_validate(said))
    tell_stripe(session, account)
    await standing.refresh(session, account, on=on)


async def _void_quotes(session: TenantSession, organization: Organization) -> None:
    """What was offered to an organization here is not offered any more; its link opens nothing."""
    offered = [QuoteStatus.draft, QuoteStatus.open, QuoteStatus.sent]
    statement = select(Quote).where(col(Quote.organization_id) == organization.id, col(Quote.status).in_(offered))
    for quote in (await session.execute(statement.with_for_update())).scalars():
        quote.status, quote.link_hash = QuoteStatus.void, None
        emit(session, "quote.voided", quote, {"number": quote.number, "revision": quote.revision})
    await session.flush()
    account = await account_of(session, organization.id)
    if account is not None:
        tell_stripe(session, account)


async def _end_credentials(session: TenantSession, organization_id: UUID) -> None:
    """Seats, keys and invitations for this organization alone end; those for others as well reach it no more anyway."""

    def alone(row: Member | ApiKey | Invitation) -> bool:
        return [UUID(str(each)) for each in row.organization_ids or ()] == [organization_id] and not row.group_ids

    for member in (await session.execute(select(Member).where(col(Member.archived_at).is_(None)))).scalars().all():
        if alone(member):
            await end_seat(session, member)
    for key in (await session.execute(select(ApiKey).where(col(ApiKey.revoked_at).is_(None)))).scalars().all():
        if alone(key):
            await revoke(session, key)
    for invitation in (await session.execute(select(Invitation).where(col(Invitation.revoked_at).is_(None)))).scalars().all():
        if alone(invitation):
            await take_back(session, invitation)


async def _account_there(runtime: Runtime, receiver: Wall, giver: Wall, organization_id: UUID) -> UUID | None:
    """The account that pays for the organization at the receiver's: that of an earlier stay, or the same id."""
    async with tenant_session(runtime.database, receiver, actor=SYSTEM, read_only=True) as session:
        there = await account_of(session, organization_id)
    if there is not None:
        return there.id
    async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
        here = await account_of(session, organization_id)
    return here.id if here else None


async def _rename_customer(
    runtime: Runtime, giver: Wall, transfer: Transfer, *, tenant_id: UUID, account_id: UUID | None
) -> None:
    """Tell Stripe whose the customer is that goes along. Before the move: an event that comes meanwhile then waits."""
    if runtime.settings.stripe_api_key is None or account_id is None:
        return
    async with tenant_session(runtime.database, giver, actor=SYSTEM, read_only=True) as session:
        here = await account_of(session, transfer.organization_id)
    if here is None or here.stripe_customer_id is None or here.anchor is None:
        return
    names = {"metadata": {"bitewing_tenant": str(tenant_id), "bitewing_account": str(account_id)}}
    async with reached(runtime.settings) as gateway:
        purpose = f"transfer:{transfer.id}:{tenant_id}"
        await once(runtime, gateway, giver.tenant_id, purpose, "customers.update", names, target=here.stripe_customer_id)


async def _keys_of(session: TenantSession, organization_id: UUID) -> list[str]:
    """The keys of every file of an organization, whichever table names them."""
    found: set[str | None] = set()
    for table in metadata.sorted_tables:
        if "storage_key" in table.c and "organization_id" in table.c:
            own = (table.c.tenant_id == session.tenant_id) & (table.c.organization_id == organization_id)
            found |= set((await session.execute(select(table.c.storage_key).where(own))).scalars())
    return sorted(key for key in found if key is not None)


async def _sealed(session: TenantSession, organization_id: UUID) -> list[UUID]:
    statement = select(Assessment.id).where(
        col(Assessment.organization_id) == organization_id, col(Assessment.status) != AssessmentStatus.open
    )
    return list((await session.execute(statement)).scalars())


async def _any(session: TenantSession, statement: Any) -> bool:
    return (await session.execute(statement.limit(1))).first() is not None


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
