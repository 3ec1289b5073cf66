"""Review items: facts on which sources disagree."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("said", JSONB(), nullable=False),
        sa.Column("used", JSONB(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("accepted", sa.String(), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_review_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_review_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_review")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_review_tenant_id_organization_id_id")),
    )
    op.create_index("ix_review_subject", "review", ["tenant_id", "subject_id", "fact"])
    op.create_index("ix_review_status", "review", ["tenant_id", "organization_id", "status", "id"])
    op.create_index(
        "uq_review_open",
        "review",
        ["tenant_id", "subject_id", "fact"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    wall_off("review", organization="organization_id")
    grant("review")
