"""Webhook endpoints: where a tenant wants to hear of events, and the sealed secrets that sign what is sent there."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from domain.tenancy import Archivable, Fields, TenantOwned, instant, json_list, tenant_table


class EndpointFields(Fields):
    url: str = Field(min_length=1, max_length=2000)
    description: str | None = Field(default=None, max_length=500)
    event_types: list[str] = json_list()
    """Kinds such as ``finding.opened``, or ``finding.*``. An empty list hears everything."""
    enabled: bool = True


class WebhookEndpoint(EndpointFields, TenantOwned, Archivable, table=True):
    __tablename__ = "webhook_endpoint"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = tenant_table()
    noun: ClassVar[str] = "webhook_endpoint"

    secrets: list[dict[str, str | None]] = json_list()
    """``{"sealed": <ciphertext>, "until": <time or null>}``, the newest first; several during a rotation."""
    disabled_reason: str | None = None
    failing_since: datetime | None = instant(default=None)
