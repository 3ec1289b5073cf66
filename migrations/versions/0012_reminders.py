"""Reminders that an agreement ends, and which agreement another one continues."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import grant, wall_off

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("baa", sa.Column("renews_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_baa_tenant_id_organization_id_renews_id"),
        "baa",
        "baa",
        ["tenant_id", "organization_id", "renews_id"],
        ["tenant_id", "organization_id", "id"],
    )
    op.create_table(
        "baa_reminder",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("baa_id", sa.Uuid(), nullable=False),
        sa.Column("end_on", sa.Date(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("passed_over", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "baa_id"],
            ["baa.tenant_id", "baa.organization_id", "baa.id"],
            name=op.f("fk_baa_reminder_tenant_id_organization_id_baa_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_baa_reminder_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_baa_reminder_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_baa_reminder")),
        sa.UniqueConstraint("tenant_id", "baa_id", "end_on", "days", name=op.f("uq_baa_reminder_tenant_id_baa_id_end_on_days")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_baa_reminder_tenant_id_organization_id_id")),
    )
    op.create_index("ix_baa_reminder_due", "baa_reminder", ["tenant_id", "due_on"], postgresql_where=sa.text("told_at is null"))
    wall_off("baa_reminder", organization="organization_id")
    grant("baa_reminder")
