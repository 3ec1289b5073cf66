"""Who answers for an act: duties are separated between people, so such an act needs a member behind its credential.

An API key acts for the member who made it, so a second key does not make a second person.
"""

from uuid import UUID

from domain.errors import Forbidden
from domain.tenancy import TenantSession


def acting_member(session: TenantSession) -> UUID:
    """The member who acts; :class:`Forbidden` for a credential that stands for nobody."""
    member_id = session.actor.member_id
    if member_id is None:
        raise Forbidden("Only a member can answer for this; your credential stands for nobody.")
    return member_id
