"""Letters that wait to be sent, opened with the key: what the person would read."""

import re
from uuid import UUID

from sqlmodel import col, select

from domain.database import tenant_session
from domain.outbound.mail import Mail
from domain.runtime import Runtime
from domain.tenancy import NOBODYS_TENANT, SYSTEM, Wall


async def letters_to(runtime: Runtime, address: str, *, tenant_id: UUID = NOBODYS_TENANT) -> list[str]:
    """The texts of the waiting letters to an address, oldest first."""
    async with tenant_session(runtime.database, Wall(tenant_id), actor=SYSTEM) as session:
        waiting = select(Mail).where(col(Mail.recipient) == address, col(Mail.sealed).is_not(None)).order_by(col(Mail.id))
        return [
            runtime.keyring.decrypt_text(each.sealed or "", f"mail:{tenant_id}:{each.id}")
            for each in (await session.execute(waiting)).scalars()
        ]


def token_in(letter: str) -> str:
    """What stands behind the # of its link."""
    found = re.search(r"#token=([A-Za-z0-9_-]+)", letter)
    assert found is not None, letter
    return found[1]
