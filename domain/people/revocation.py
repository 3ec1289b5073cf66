"""Forgetting credentials. Each process remembers whom it knows for a minute; whatever ends or shrinks a right says so here,
and every process has forgotten it within a moment of the commit.
"""

from domain.tenancy import TenantSession

REVOKED_CHANNEL = "bitewing_revoked"


async def forget_credentials(session: TenantSession, about: object) -> None:
    """Let this process and all others look up anew whoever calls; the notification leaves with the commit."""
    session.ended_credentials = True
    await (await session.driver()).execute("select pg_notify($1, $2)", REVOKED_CHANNEL, str(about))
