"""What a run of a management tool's connection had to do without, and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rmm_run", sa.Column("left_out", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
