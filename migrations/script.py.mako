"""${message}

Forward only, and safe while the previous version is still running: add, then fill, then (a release later) remove.
A migration that has landed is never edited.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
