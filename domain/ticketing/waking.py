"""What waits is tried again at once when somebody has mended what it waited for."""

from uuid import UUID

from domain.jobs import TELL_TICKET, Errand, enqueue_once
from domain.tenancy import TenantSession

_SET_DUE = """
    update ticket set next_attempt_at = now(), attempts = 0, updated_at = now(), version = version + 1
    where tenant_id = $1 and id in (
        select t.id from ticket t
        where t.tenant_id = $1 and t.connection_id = $2 and t.gone_at is null {narrowed}
          and exists (select 1 from ticket_change c
            where c.tenant_id = t.tenant_id and c.ticket_id = t.id and c.status = 'waiting')
        for update of t skip locked)
    returning id, extract(epoch from now())::bigint as moment"""
# Whoever holds a ticket's row now is telling it, and asks for its connection's row next, which we may hold: to wait for
# each other would be a deadlock. A ticket passed over keeps its own time, and the sweep finds it.
_OF_A_CONNECTION = _SET_DUE.format(narrowed="")
_OF_AN_ORGANIZATION = _SET_DUE.format(narrowed="and t.organization_id = $3")


async def wake(session: TenantSession, connection_id: UUID, organization_id: UUID | None = None) -> None:
    """Set due every ticket of a connection, or of one organization on it, that has something to be told."""
    driver = await session.driver()
    if organization_id is None:
        woken = await driver.fetch(_OF_A_CONNECTION, session.tenant_id, connection_id)
    else:
        woken = await driver.fetch(_OF_AN_ORGANIZATION, session.tenant_id, connection_id, organization_id)
    errands = [
        Errand(key=f"{TELL_TICKET}:{each['id']}:woken:{each['moment']}", ids={"ticket_id": each["id"]}) for each in woken
    ]
    await enqueue_once(session, TELL_TICKET, errands)
