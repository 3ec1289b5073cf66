"""Service accounts, and what an API key can be narrowed by.

Forward only, and safe while the previous version is still running: it sees keys of service accounts as unknown ones, and
refuses them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_account",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("organization_ids", JSONB(), nullable=True),
        sa.Column("group_ids", JSONB(), nullable=True),
        sa.Column("sponsor_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sponsor_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_service_account_tenant_id_sponsor_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_service_account_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_service_account")),
    )
    wall_off("service_account")
    grant("service_account")
    op.alter_column("api_key", "member_id", nullable=True)
    op.add_column("api_key", sa.Column("service_account_id", sa.Uuid(), nullable=True))
    for narrowing in ("organization_ids", "group_ids"):
        op.add_column("api_key", sa.Column(narrowing, JSONB(), nullable=True))
    # The version that runs meanwhile names no addresses when it makes a key.
    op.add_column("api_key", sa.Column("allowed_addresses", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column("api_key", sa.Column("successor_id", sa.Uuid(), nullable=True))
    op.add_column("api_key", sa.Column("last_used_from", sa.String(), nullable=True))
    op.create_foreign_key(
        op.f("fk_api_key_tenant_id_service_account_id"),
        "api_key",
        "service_account",
        ["tenant_id", "service_account_id"],
        ["tenant_id", "id"],
    )
    op.create_check_constraint(
        op.f("ck_api_key_stands_for_one"), "api_key", "(member_id is null) <> (service_account_id is null)"
    )
