"""What a tenant demands of sessions: keys of its settings, each with a default that suits a shared front-desk computer.

45 CFR 164.312(a)(2)(iii) asks for automatic logoff after a predetermined time of inactivity, and leaves the time open.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.access import Role
from domain.errors import Fault, Invalid

STRONGER = tuple(role for role in Role if role is not Role.practice_member)


class SessionPolicy(BaseModel):
    """As read from a tenant's settings; what they do not say has its default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_idle_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 15
    """How long a session may rest before it is over."""
    session_hours: Annotated[int, Field(strict=True, ge=1, le=720)] = 12
    """How long a session lasts at most, however busy it is."""
    mfa_required_roles: tuple[Role, ...] = STRONGER
    """Members of these roles do nothing before they have shown a second factor. API keys are not asked for one."""


def policy_of(settings: Mapping[str, Any]) -> SessionPolicy:
    """The policy that is in the settings, which were checked when they were written."""
    return SessionPolicy.model_validate(settings)


def check_policy(settings: Mapping[str, Any]) -> None:
    """Refuse settings that hold a policy nobody could keep."""
    try:
        policy_of(settings)
    except ValidationError as error:
        raise Invalid(
            [Fault("/settings/" + "/".join(map(str, each["loc"])), each["type"], each["msg"]) for each in error.errors()]
        ) from None
