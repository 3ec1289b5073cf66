"""Where a sign-in through a provider goes on, if a page of ours began it. Null for those of the previous version."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sso_sign_in", sa.Column("returns_to", sa.String(), nullable=True))
