"""Quotes know Stripe's side of the same promise.

Forward only, and safe while the previous version is still running: what is new may be left out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("stripe_quote_id", "stripe_quote_status", "stripe_schedule_id"):
        op.add_column("quote", sa.Column(column, sa.String(), nullable=True))
