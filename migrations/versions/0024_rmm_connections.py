"""Connections to management tools, and their runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rmm_connection",
        *_kept(),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("product", sa.String(length=40), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=True),
        sa.Column("daily_at", sa.String(), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("sealed_credentials", sa.String(), nullable=True),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", JSONB(), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("disabled_reason", sa.String(length=40), nullable=True),
        *_owned("rmm_connection"),
    )
    op.create_index(
        "ix_rmm_connection_due",
        "rmm_connection",
        ["tenant_id", "next_run_at"],
        postgresql_where=sa.text("enabled and archived_at is null"),
    )
    op.create_table(
        "rmm_run",
        *_kept(),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("scheduled", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Boolean(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("fleet_import_id", sa.Uuid(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("rmm_run"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["rmm_connection.tenant_id", "rmm_connection.id"],
            name=op.f("fk_rmm_run_tenant_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fleet_import_id"],
            ["fleet_import.tenant_id", "fleet_import.id"],
            name=op.f("fk_rmm_run_tenant_id_fleet_import_id"),
        ),
    )
    op.create_index("ix_rmm_run_connection_id", "rmm_run", ["tenant_id", "connection_id", "id"])
    op.create_index("ix_rmm_run_fleet_import_id", "rmm_run", ["tenant_id", "fleet_import_id"])
    op.create_index(
        "uq_rmm_run_unfinished",
        "rmm_run",
        ["tenant_id", "connection_id"],
        unique=True,
        postgresql_where=sa.text("status not in ('completed', 'failed')"),
    )
    # Nothing has been pulled before, so every row passes: the column was there for this.
    op.create_foreign_key(
        op.f("fk_fleet_import_tenant_id_connection_id"),
        "fleet_import",
        "rmm_connection",
        ["tenant_id", "connection_id"],
        ["tenant_id", "id"],
    )
    for table in ("rmm_connection", "rmm_run"):
        wall_off(table)
        grant(table)


def _kept() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def _owned(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )
