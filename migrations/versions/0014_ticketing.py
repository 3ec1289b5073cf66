"""Ticketing: connections, mappings, tickets and what is to be told to them, behind their walls."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OWNED_BY_TENANTS = ("ticketing_connection", "ticketing_place", "heard_callback")
OWNED_BY_ORGANIZATIONS = ("ticket_mapping", "ticket", "ticket_change", "ticket_comment")


def upgrade() -> None:
    make_tables()
    for table in OWNED_BY_TENANTS:
        wall_off(table)
        grant(table)
    for table in OWNED_BY_ORGANIZATIONS:
        wall_off(table, organization="organization_id")
        grant(table)
    wake_tickets_too()


def make_tables() -> None:
    op.create_table(
        "ticketing_connection",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("base_url", sa.String(length=500), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("status_map", JSONB(), nullable=False),
        sa.Column("status_words", JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("poll_seconds", sa.Integer(), nullable=False),
        sa.Column("product", sa.String(length=40), nullable=False),
        sa.Column("sealed_credentials", sa.String(), nullable=False),
        sa.Column("sealed_callback_secret", sa.String(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("trouble_detail", sa.String(), nullable=True),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("polled_up_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_test", JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticketing_connection_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticketing_connection")),
    )
    op.create_index(
        "ix_ticketing_connection_poll",
        "ticketing_connection",
        ["tenant_id", "next_poll_at"],
        unique=False,
        postgresql_where=sa.text("enabled"),
    )
    op.create_table(
        "ticketing_place",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticketing_place_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_ticketing_place")),
    )
    op.create_table(
        "heard_callback",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["ticketing_connection.tenant_id", "ticketing_connection.id"],
            name=op.f("fk_heard_callback_tenant_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_heard_callback_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_heard_callback")),
        sa.UniqueConstraint("tenant_id", "connection_id", "key", name=op.f("uq_heard_callback_tenant_id_connection_id_key")),
    )
    op.create_table(
        "ticket_mapping",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("target", JSONB(), nullable=False),
        sa.Column("priorities", JSONB(), nullable=False),
        sa.Column("automatic", sa.String(length=64), nullable=False),
        sa.Column("least_level", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["ticketing_connection.tenant_id", "ticketing_connection.id"],
            name=op.f("fk_ticket_mapping_tenant_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_ticket_mapping_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticket_mapping_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticket_mapping")),
        sa.UniqueConstraint(
            "tenant_id",
            "connection_id",
            "organization_id",
            name=op.f("uq_ticket_mapping_tenant_id_connection_id_organization_id"),
        ),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_ticket_mapping_tenant_id_organization_id_id")),
    )
    op.create_table(
        "ticket",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("remote_status", sa.String(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=True),
        sa.Column("trouble_detail", sa.String(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connection_id"],
            ["ticketing_connection.tenant_id", "ticketing_connection.id"],
            name=op.f("fk_ticket_tenant_id_connection_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "task_id"],
            ["task.tenant_id", "task.organization_id", "task.id"],
            name=op.f("fk_ticket_tenant_id_organization_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_ticket_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticket_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_ticket_tenant_id_organization_id_id")),
    )
    op.create_index("ix_ticket_remote", "ticket", ["tenant_id", "connection_id", "remote_id"], unique=False)
    op.create_index("ix_ticket_task", "ticket", ["tenant_id", "task_id", "id"], unique=False)
    op.create_index(
        "ix_ticket_waiting",
        "ticket",
        ["tenant_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at is not null"),
    )
    op.create_index(
        "uq_ticket_one_alive",
        "ticket",
        ["tenant_id", "connection_id", "task_id"],
        unique=True,
        postgresql_where=sa.text("gone_at is null"),
    )
    op.create_table(
        "ticket_change",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("about", JSONB(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.organization_id", "ticket.id"],
            name=op.f("fk_ticket_change_tenant_id_organization_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_ticket_change_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticket_change_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticket_change")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_ticket_change_tenant_id_organization_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "ticket_id", "sequence", "part", name=op.f("uq_ticket_change_tenant_id_ticket_id_sequence_part")
        ),
    )
    op.create_table(
        "ticket_comment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("remote_id", sa.String(length=200), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "ticket_id"],
            ["ticket.tenant_id", "ticket.organization_id", "ticket.id"],
            name=op.f("fk_ticket_comment_tenant_id_organization_id_ticket_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_ticket_comment_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_ticket_comment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_ticket_comment")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_ticket_comment_tenant_id_organization_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "ticket_id", "remote_id", name=op.f("uq_ticket_comment_tenant_id_ticket_id_remote_id")
        ),
    )


def wake_tickets_too() -> None:
    """An event is heard by webhook endpoints and by ticketing connections alike. Who else may listen one day is one function
    to replace, and not the chain."""
    op.execute("""
        create function anybody_listens(owner uuid) returns boolean language sql stable as $$
            select exists (
                    select 1 from webhook_endpoint where tenant_id = owner and enabled and archived_at is null)
                or exists (
                    select 1 from ticketing_connection where tenant_id = owner and enabled and archived_at is null)
        $$
    """)
    op.execute("""
        create or replace function append_events(batch jsonb, out before bigint, out last bigint, out heard boolean)
        language plpgsql as $$
        declare
            owner uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
            link text;
        begin
            select sequence, hash into before, link from event_head where tenant_id = owner for update;
            if not found then
                insert into event_head (tenant_id, sequence, hash) values (owner, 0, '');
                before := 0;
                link := '';
            end if;
            with told as (
                select each.* from rows from (jsonb_to_recordset(batch) as (
                    id uuid, at timestamptz, kind text, subject_type text, subject_id uuid, organization_id uuid,
                    changes jsonb, actor jsonb, context jsonb)) with ordinality as each (
                    id, at, kind, subject_type, subject_id, organization_id, changes, actor, context, place)
            ), chained as materialized (
                select told.*, event_chain(link, jsonb_build_array(
                    owner, before + place, id, (extract(epoch from at) * 1000000)::bigint, kind, subject_type, subject_id,
                    organization_id, changes, actor, context)::text) over (order by place) as own_hash
                from told
            ), written as (
                insert into event (tenant_id, at, id, sequence, kind, subject_type, subject_id, organization_id,
                    changes, actor, context, previous_hash, hash)
                select owner, at, id, before + place, kind, subject_type, subject_id, organization_id,
                    changes, actor, context, lag(own_hash, 1, link) over (order by place), own_hash
                from chained
            )
            select before + place, own_hash into last, link from chained order by place desc limit 1;
            update event_head set sequence = last, hash = link where tenant_id = owner;
            heard := anybody_listens(owner);
        end $$
    """)
