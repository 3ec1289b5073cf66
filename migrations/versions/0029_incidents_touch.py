"""Incidents name the devices and systems they touched, and a delay of the notices that law enforcement asked for.

Forward only, and safe while the previous version is still running: what is new has a default or may be left out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("asset_ids", JSONB(), nullable=False, server_default="[]"))
    op.add_column("incident", sa.Column("law_enforcement_delay", JSONB(), nullable=True))
