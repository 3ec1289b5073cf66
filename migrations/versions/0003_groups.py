"""Groups of organizations, and which organization is in which."""

import sqlalchemy as sa
from alembic import op

from migrations.walls import grant, wall_off

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organization_group",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=True),
        sa.Column("rule", sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_organization_group_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_organization_group")),
    )
    op.create_index(
        "uq_organization_group_name",
        "organization_group",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at is null"),
    )
    op.create_table(
        "grouped_organization",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "group_id"],
            ["organization_group.tenant_id", "organization_group.id"],
            name=op.f("fk_grouped_organization_tenant_id_group_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_grouped_organization_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_grouped_organization_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_grouped_organization")),
        sa.UniqueConstraint(
            "tenant_id", "group_id", "organization_id", name=op.f("uq_grouped_organization_tenant_id_group_id_organization_id")
        ),
        sa.UniqueConstraint(
            "tenant_id", "organization_id", "id", name=op.f("uq_grouped_organization_tenant_id_organization_id_id")
        ),
    )
    wall_off("organization_group")
    grant("organization_group")
    wall_off("grouped_organization", organization="organization_id")
    grant("grouped_organization")
