"""Imports for the whole tenant, sorted by a mapping of sites; saved column mappings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "column_mapping",
        *_kept(),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("columns", JSONB(), nullable=False),
        sa.Column("date_format", sa.String(length=100), nullable=True),
        *_owned("column_mapping"),
    )
    op.create_index(
        "uq_column_mapping_name",
        "column_mapping",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("archived_at is null"),
    )
    op.create_table(
        "rmm_site",
        *_kept(),
        sa.Column("source", sa.String(length=50), nullable=False),
        sa.Column("company", sa.String(length=200), nullable=True),
        sa.Column("site", sa.String(length=200), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("ignored", sa.Boolean(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("rmm_site"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_rmm_site_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "location_id"],
            ["location.tenant_id", "location.organization_id", "location.id"],
            name=op.f("fk_rmm_site_tenant_id_organization_id_location_id"),
        ),
    )
    op.create_index(
        "uq_rmm_site_name",
        "rmm_site",
        ["tenant_id", "source", sa.text("lower(coalesce(company, ''))"), sa.text("lower(coalesce(site, ''))")],
        unique=True,
    )
    op.create_table(
        "fleet_import",
        *_kept(),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("files", JSONB(), nullable=False),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("is_sorted", sa.Boolean(), nullable=False),
        sa.Column("places", JSONB(), nullable=False),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("error", JSONB(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("fleet_import"),
    )
    op.create_index(
        "ix_fleet_import_unfinished",
        "fleet_import",
        ["tenant_id", "id"],
        postgresql_where=sa.text("status in ('queued', 'running')"),
    )
    op.create_table(
        "fleet_import_row",
        *_kept(),
        sa.Column("fleet_import_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("pointer", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("label", sa.String(length=300), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("warnings", JSONB(), nullable=False),
        sa.Column("raw", JSONB(), nullable=False),
        sa.Column("held", JSONB(), nullable=True),
        *_owned("fleet_import_row"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "fleet_import_id"],
            ["fleet_import.tenant_id", "fleet_import.id"],
            name=op.f("fk_fleet_import_row_tenant_id_fleet_import_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "site_id"],
            ["rmm_site.tenant_id", "rmm_site.id"],
            name=op.f("fk_fleet_import_row_tenant_id_site_id"),
        ),
    )
    op.create_index(
        "ix_fleet_import_row_fleet_import_id_position", "fleet_import_row", ["tenant_id", "fleet_import_id", "position", "id"]
    )
    op.create_index(
        "ix_fleet_import_row_held", "fleet_import_row", ["tenant_id", "site_id"], postgresql_where=sa.text("held is not null")
    )
    op.add_column("import_run", sa.Column("fleet_import_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_import_run_tenant_id_fleet_import_id"),
        "import_run",
        "fleet_import",
        ["tenant_id", "fleet_import_id"],
        ["tenant_id", "id"],
    )
    op.create_index("ix_import_run_fleet_import_id", "import_run", ["tenant_id", "fleet_import_id", "id"])
    for table in ("column_mapping", "fleet_import", "fleet_import_row"):
        wall_off(table)
        grant(table)
    wall_off("rmm_site", organization="organization_id")
    grant("rmm_site")


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
