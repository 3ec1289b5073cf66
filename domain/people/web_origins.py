"""Which origins applications have named: the one thing that must be known before a browser sends what names a tenant.

Kept by a trigger on ``oauth_client``, so that no verb can forget it. It stands outside the wall, and says nothing but that
there is such an application.
"""

from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class WebOrigin(SQLModel, table=True):
    __tablename__ = "web_origin"  # pyright: ignore[reportAssignmentType]  SQLModel's stub declares it otherwise
    __table_args__ = (Index("ix_web_origin_client_id", "client_id"),)

    origin: str = Field(primary_key=True)
    client_id: UUID = Field(primary_key=True)
