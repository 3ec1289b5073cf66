"""Billing accounts say where their payer is, for a tax that depends on it.

Forward only, and safe while the previous version is still running: what is new may be left out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("billing_account", sa.Column("billing_postal_code", sa.String(20), nullable=True))
    op.add_column("billing_account", sa.Column("billing_country", sa.String(), nullable=True))
