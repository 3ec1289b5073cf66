"""Invitations, and seats that are narrowed to groups.

The previous version knows nothing of groups: it takes a seat that is narrowed to groups alone for one that is not narrowed.
So no such seat is made before it is gone; the verb that makes them came with this migration.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("member", sa.Column("group_ids", JSONB(), nullable=True))
    op.create_table(
        "invitation",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("organization_ids", JSONB(), nullable=True),
        sa.Column("group_ids", JSONB(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invited_by"], ["member.tenant_id", "member.id"], name=op.f("fk_invitation_tenant_id_invited_by")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f("fk_invitation_tenant_id_member_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_invitation_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("tenant_id", "fingerprint", name=op.f("uq_invitation_tenant_id_fingerprint")),
    )
    op.create_index("ix_invitation_email", "invitation", ["tenant_id", "email"])
    wall_off("invitation")
    grant("invitation")
