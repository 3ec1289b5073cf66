"""Quotes: from the request to an acceptance that cannot happen twice."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quote",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("locations", sa.Integer(), nullable=False),
        sa.Column("providers", sa.Integer(), nullable=True),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("discount_percent", sa.Integer(), nullable=False),
        sa.Column("discount_reason", sa.String(length=500), nullable=True),
        sa.Column("brand", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("recipient_name", sa.String(length=200), nullable=True),
        sa.Column("recipient_email", sa.String(length=320), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("revises_id", sa.Uuid(), nullable=True),
        sa.Column("approved_percent", sa.Integer(), nullable=False),
        sa.Column("list_rate", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("tax_rate", sa.Integer(), nullable=False),
        sa.Column("finalized_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("link_hash", sa.String(length=64), nullable=True),
        sa.Column("acceptance", JSONB(), nullable=False),
        sa.Column("begun_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_quote_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "revises_id"], ["quote.tenant_id", "quote.id"], name=op.f("fk_quote_tenant_id_revises_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_quote_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_quote")),
        sa.UniqueConstraint("tenant_id", "number", "revision", name=op.f("uq_quote_tenant_id_number_revision")),
    )
    op.create_index("ix_quote_created_at", "quote", ["tenant_id", "created_at", "id"], unique=False)
    wall_off("quote", organization="organization_id")
    grant("quote")
