"""The portfolio: one line per organization, and where each engagement stood when it was last looked at.

Nothing is filled in here: whoever has no line yet has not been looked at today, which the daily look finds.
"""

import sqlalchemy as sa
from alembic import op

from migrations.walls import grant, wall_off

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engagement_standing",
        *_kept(),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("baa_state", sa.String(length=64), nullable=True),
        sa.Column("compliant", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "id"],
            ["engagement.tenant_id", "engagement.organization_id", "engagement.id"],
            name=op.f("fk_engagement_standing_tenant_id_organization_id_id"),
        ),
        *_rules("engagement_standing"),
    )
    op.create_index("ix_engagement_standing_organization", "engagement_standing", ["tenant_id", "organization_id", "vendor_id"])
    op.create_index("ix_engagement_standing_compliant", "engagement_standing", ["tenant_id", "compliant", "id"])
    op.create_index("ix_engagement_standing_decision", "engagement_standing", ["tenant_id", "decision", "id"])
    counted = ("very_high", "high", "moderate", "low", "very_low", "baas_missing", "baas_expiring", "baas_undecided")
    op.create_table(
        "portfolio_line",
        *_kept(),
        sa.Column("open_assessment_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_assessment_id", sa.Uuid(), nullable=True),
        sa.Column("analysed_on", sa.Date(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counted),
        sa.Column("reviewed_on", sa.Date(), nullable=True),
        *_rules("portfolio_line"),
    )
    op.create_index(
        "ix_task_overdue",
        "task",
        ["tenant_id", "organization_id", "due_on"],
        postgresql_where=sa.text("archived_at is null and status in ('open', 'in_progress')"),
    )
    for table in ("engagement_standing", "portfolio_line"):
        wall_off(table, organization="organization_id")
        grant(table)


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
