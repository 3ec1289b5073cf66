"""Applications of partners: clients, what members granted them, and their tokens.

``web_origin`` stands outside the wall: a browser asks whether a page may call before it sends anything that names a tenant. It
is kept by a trigger, so that no verb can forget it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_clients()
    make_grants()
    make_tokens()
    keep_origins()


def _kept() -> list[sa.Column[object]]:
    return [
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def make_clients() -> None:
    op.create_table(
        "oauth_client",
        *_kept(),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("redirect_uris", JSONB(), nullable=False),
        sa.Column("origins", JSONB(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("client_credentials", sa.Boolean(), nullable=False),
        sa.Column("organization_ids", JSONB(), nullable=True),
        sa.Column("group_ids", JSONB(), nullable=True),
        sa.Column("sponsor_id", sa.Uuid(), nullable=False),
        sa.Column("secret_fingerprint", sa.String(), nullable=True),
        sa.Column("previous_fingerprint", sa.String(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sponsor_id"], ["member.tenant_id", "member.id"], name=op.f("fk_oauth_client_tenant_id_sponsor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_oauth_client_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_oauth_client")),
    )
    wall_off("oauth_client")
    grant("oauth_client")


def make_grants() -> None:
    op.create_table(
        "oauth_grant",
        *_kept(),
        sa.Column("oauth_client_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("code_fingerprint", sa.String(), nullable=False),
        sa.Column("code_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "oauth_client_id"],
            ["oauth_client.tenant_id", "oauth_client.id"],
            name=op.f("fk_oauth_grant_tenant_id_oauth_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f("fk_oauth_grant_tenant_id_member_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_oauth_grant_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_oauth_grant")),
        sa.UniqueConstraint("tenant_id", "code_fingerprint", name=op.f("uq_oauth_grant_tenant_id_code_fingerprint")),
    )
    op.create_index("ix_oauth_grant_member_id", "oauth_grant", ["tenant_id", "member_id"])
    op.create_index("ix_oauth_grant_oauth_client_id", "oauth_grant", ["tenant_id", "oauth_client_id"])
    wall_off("oauth_grant")
    grant("oauth_grant")


def make_tokens() -> None:
    op.create_table(
        "oauth_token",
        *_kept(),
        sa.Column("oauth_client_id", sa.Uuid(), nullable=False),
        sa.Column("oauth_grant_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "oauth_client_id"],
            ["oauth_client.tenant_id", "oauth_client.id"],
            name=op.f("fk_oauth_token_tenant_id_oauth_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "oauth_grant_id"],
            ["oauth_grant.tenant_id", "oauth_grant.id"],
            name=op.f("fk_oauth_token_tenant_id_oauth_grant_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_oauth_token_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_oauth_token")),
        sa.UniqueConstraint("tenant_id", "fingerprint", name=op.f("uq_oauth_token_tenant_id_fingerprint")),
    )
    op.create_index("ix_oauth_token_oauth_grant_id", "oauth_token", ["tenant_id", "oauth_grant_id"])
    op.create_index("ix_oauth_token_expires_at", "oauth_token", ["tenant_id", "expires_at"])
    wall_off("oauth_token")
    grant("oauth_token")


def keep_origins() -> None:
    op.create_table(
        "web_origin",
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "client_id", name=op.f("pk_web_origin")),
    )
    op.create_index("ix_web_origin_client_id", "web_origin", ["client_id"])
    grant("web_origin", "select, insert, delete")
    op.execute("""
        create function keep_origins() returns trigger language plpgsql as $$
        begin
            delete from web_origin where client_id = new.id;
            if new.archived_at is null then
                insert into web_origin (origin, client_id)
                select distinct origin, new.id from jsonb_array_elements_text(new.origins) as origin;
            end if;
            return null;
        end $$
    """)
    op.execute("""
        create trigger origins after insert or update of origins, archived_at on oauth_client
        for each row execute function keep_origins()
    """)
