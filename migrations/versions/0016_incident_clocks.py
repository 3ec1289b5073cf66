"""Incidents with their decision and notices, the clocks that have been told, and disposals, which nobody changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import append_only, grant, never_emptied, wall_off

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("affected_by_state", JSONB(), nullable=False, server_default=sa.text("'{}'::jsonb")))
    op.add_column("incident", sa.Column("is_breach", sa.Boolean(), nullable=True))
    op.add_column("incident", sa.Column("exclusion", sa.String(length=64), nullable=True))
    op.add_column("incident", sa.Column("secured", sa.Boolean(), nullable=True))
    for who in ("individuals", "hhs", "media"):
        op.add_column("incident", sa.Column(f"{who}_notified_on", sa.Date(), nullable=True))
    op.create_table(
        "clock_notice",
        *_kept(),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("clock", sa.String(length=64), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        *_rules("clock_notice"),
        sa.UniqueConstraint("tenant_id", "subject_id", "clock", "due_on", "step", name=op.f(_TOLD_ONCE)),
    )
    op.create_table(
        "disposal",
        *_kept(),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("disposed_on", sa.Date(), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("tool", sa.String(length=200), nullable=True),
        sa.Column("verification", sa.String(length=2000), nullable=False),
        sa.Column("performed_by", sa.String(length=200), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("certificate_id", sa.Uuid(), nullable=True),
        sa.Column("held_images", sa.Boolean(), nullable=True),
        sa.Column("last_entry_on", sa.Date(), nullable=True),
        sa.Column("images_of_minors", sa.Boolean(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), nullable=False),
        sa.Column("second_copy", sa.String(length=500), nullable=True),
        sa.Column("second_copy_verified_on", sa.Date(), nullable=True),
        sa.Column("images_may_go", sa.String(), nullable=False),
        sa.Column("retain_until", sa.Date(), nullable=False),
        *_rules("disposal"),
        *_parent("device", "device_id"),
        *_parent("document", "certificate_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_disposal_tenant_id_vendor_id")
        ),
        sa.UniqueConstraint("tenant_id", "device_id", name=op.f("uq_disposal_tenant_id_device_id")),
    )
    for table in ("clock_notice", "disposal"):
        wall_off(table, organization="organization_id")
        grant(table)
    append_only("disposal")
    never_emptied("disposal")


_TOLD_ONCE = "uq_clock_notice_tenant_id_subject_id_clock_due_on_step"


def _kept() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
    ]


def _rules(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f(f"fk_{table}_tenant_id_organization_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f(f"uq_{table}_tenant_id_organization_id_id")),
    ]


def _parent(table: str, column: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", column],
            [f"{table}.tenant_id", f"{table}.organization_id", f"{table}.id"],
            name=op.f(f"fk_disposal_tenant_id_organization_id_{column}"),
        )
    ]
