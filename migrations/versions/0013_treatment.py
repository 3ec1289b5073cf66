"""Findings: suggested adjustments, the day by which a risk is to be treated, and what is left of it.

Forward only, and safe while the previous version is still running: what is new has a default or may be left out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("finding", sa.Column("suggestions", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column("finding", sa.Column("due_on", sa.Date(), nullable=True))
    for name in ("residual_likelihood", "residual_impact", "residual_level"):
        op.add_column("finding", sa.Column(name, sa.String(length=64), nullable=True))
