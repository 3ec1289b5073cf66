"""Tasks: evidence, recurrence, campaigns over many organizations, and the days that were told of.

Forward only, and safe while the previous version is still running: what is new has a default or may be left out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task", sa.Column("evidence", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column("task", sa.Column("recurrence", JSONB(), nullable=True))
    op.add_column("task", sa.Column("duty", sa.String(), nullable=True))
    op.add_column("task", sa.Column("previous_id", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("due_soon_told_for", sa.Date(), nullable=True))
    op.add_column("task", sa.Column("overdue_told_for", sa.Date(), nullable=True))
    op.create_foreign_key(
        op.f("fk_task_tenant_id_organization_id_previous_id"),
        "task",
        "task",
        ["tenant_id", "organization_id", "previous_id"],
        ["tenant_id", "organization_id", "id"],
    )
    op.create_unique_constraint(op.f("uq_task_tenant_id_previous_id"), "task", ["tenant_id", "previous_id"])
    op.create_index("ix_task_campaign_id", "task", ["tenant_id", "campaign_id", "id"])
