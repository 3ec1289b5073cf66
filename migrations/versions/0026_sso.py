"""Sign-in through a tenant's own provider: connections, proven domains, whom a provider speaks for, and sign-ins under way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

OWNED_BY_TENANTS = ("sso_connection", "sso_domain", "sso_identity", "sso_sign_in")


def upgrade() -> None:
    make_tables()
    for table in OWNED_BY_TENANTS:
        wall_off(table)
        grant(table)


def make_tables() -> None:
    op.create_table(
        "sso_connection",
        *owned(),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("email_verified_claim", sa.String(length=100), nullable=False),
        sa.Column("domain_claim", sa.String(length=100), nullable=True),
        sa.Column("groups_claim", sa.String(length=100), nullable=True),
        sa.Column("auto_join", sa.Boolean(), nullable=False),
        sa.Column("default_seat", JSONB(), nullable=True),
        sa.Column("role_mappings", JSONB(), nullable=False),
        sa.Column("second_factor", sa.String(length=64), nullable=False),
        sa.Column("mfa_acr_values", JSONB(), nullable=False),
        sa.Column("admits_owners", sa.Boolean(), nullable=False),
        sa.Column("preset", sa.String(length=40), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("client_id", sa.String(length=500), nullable=False),
        sa.Column("sealed_client_secret", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_sso_connection_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sso_connection")),
    )
    op.create_table(
        "sso_domain",
        *owned(),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("record_name", sa.String(), nullable=False),
        sa.Column("record_value", sa.String(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_sso_domain_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sso_domain")),
        sa.UniqueConstraint("tenant_id", "domain", name=op.f("uq_sso_domain_tenant_id_domain")),
    )
    op.create_table(
        "sso_identity",
        *owned(),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        *of_a_connection_and_member("sso_identity"),
        sa.UniqueConstraint(
            "tenant_id", "connection_id", "subject", name=op.f("uq_sso_identity_tenant_id_connection_id_subject")
        ),
        sa.UniqueConstraint(
            "tenant_id", "connection_id", "member_id", name=op.f("uq_sso_identity_tenant_id_connection_id_member_id")
        ),
    )
    op.create_index("ix_sso_identity_member_id", "sso_identity", ["tenant_id", "member_id"], unique=False)
    op.create_table(
        "sso_sign_in",
        *owned(),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("state_fingerprint", sa.String(), nullable=False),
        sa.Column("browser_fingerprint", sa.String(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("factor", sa.Boolean(), nullable=False),
        sa.Column("handover_fingerprint", sa.String(), nullable=True),
        sa.Column("handover_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        *of_a_connection_and_member("sso_sign_in"),
        sa.UniqueConstraint("tenant_id", "state_fingerprint", name=op.f("uq_sso_sign_in_tenant_id_state_fingerprint")),
        sa.UniqueConstraint("tenant_id", "handover_fingerprint", name=op.f("uq_sso_sign_in_tenant_id_handover_fingerprint")),
    )


def owned() -> tuple[sa.Column[object], ...]:
    """What every row of a tenant has."""
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def of_a_connection_and_member(table: str) -> tuple[sa.Constraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["sso_connection.tenant_id", "sso_connection.id"],
            name=op.f(f"fk_{table}_tenant_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f(f"fk_{table}_tenant_id_member_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
    )
