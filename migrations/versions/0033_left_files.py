"""Transfers remember which files are still to leave the giver's folder.

Forward only, and safe while the previous version is still running: what is new has a default.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transfer", sa.Column("left_files", JSONB(), nullable=False, server_default="[]"))
