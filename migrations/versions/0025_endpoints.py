"""Webhook endpoints that hear only some events, send headers of their own, sign with pairs of keys, and have a pace; attempts
that show what was sent.

Forward only, and safe while the previous version is still running: what is new has a default or may be left out. Attempts
that were made before belong to no endpoint in the statistics, which begin with this version.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

EMPTY = sa.text("'[]'::jsonb")


def upgrade() -> None:
    for name in ("organization_ids", "group_ids", "public_keys", "header_names"):
        op.add_column("webhook_endpoint", sa.Column(name, JSONB(), nullable=False, server_default=EMPTY))
    op.add_column("webhook_endpoint", sa.Column("condition", sa.String(length=1000), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("free_text", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("webhook_endpoint", sa.Column("at_once", sa.Integer(), nullable=False, server_default=sa.text("10")))
    op.add_column("webhook_endpoint", sa.Column("throttle_per_second", sa.Integer(), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("signature", sa.String(length=64), nullable=False, server_default="v1"))
    op.add_column("webhook_endpoint", sa.Column("sealed_headers", sa.String(), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("runner", sa.Uuid(), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("runs_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery_attempt", sa.Column("endpoint_id", sa.Uuid(), nullable=True))
    op.add_column("delivery_attempt", sa.Column("request_headers", JSONB(), nullable=True))
    op.add_column("delivery_attempt", sa.Column("request_body", sa.String(), nullable=True))
    op.create_foreign_key(
        op.f("fk_delivery_attempt_tenant_id_endpoint_id"),
        "delivery_attempt",
        "webhook_endpoint",
        ["tenant_id", "endpoint_id"],
        ["tenant_id", "id"],
    )
    op.create_index("ix_delivery_attempt_endpoint", "delivery_attempt", ["tenant_id", "endpoint_id", "at"])
    op.create_index(
        "ix_delivery_attempt_bodies",
        "delivery_attempt",
        ["tenant_id", "at"],
        postgresql_where=sa.text("request_body is not null or response_body is not null"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["tenant_id", "endpoint_id", "next_attempt_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )
