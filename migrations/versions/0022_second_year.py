"""The second year: what an analysis was made over, what has made it stale since, and the small analysis of that alone.

Forward only, and safe while the previous version is still running: what is new has a default or may be left out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assessment", sa.Column("kind", sa.String(length=64), nullable=False, server_default="full"))
    op.add_column("assessment", sa.Column("footprint", JSONB(), nullable=True))
    _make(
        "staleness",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("topics", JSONB(), nullable=False),
        sa.Column("risks", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "assessment_id"],
            ["assessment.tenant_id", "assessment.organization_id", "assessment.id"],
            name=op.f("fk_staleness_tenant_id_organization_id_assessment_id"),
        ),
        sa.UniqueConstraint("tenant_id", "assessment_id", "key", name=op.f("uq_staleness_tenant_id_assessment_id_key")),
    )
    op.create_index("ix_staleness_assessment_id", "staleness", ["tenant_id", "assessment_id", "id"])
    _make(
        "change_watch",
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_on", sa.Date(), nullable=False),
        sa.UniqueConstraint("tenant_id", "organization_id", name=op.f("uq_change_watch_tenant_id_organization_id")),
    )


def _make(table: str, *more: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(
        table,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f(f"fk_{table}_tenant_id_organization_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f(f"uq_{table}_tenant_id_organization_id_id")),
    )
    wall_off(table, organization="organization_id")
    grant(table)
