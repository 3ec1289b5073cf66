"""Large imports become jobs: what they still have to do is kept with them, and events are chained a batch at a time.

Safe while the previous version runs: what is added has defaults, and ``append_events`` keeps its signature and its chain.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    follow_imports()
    keep_files()
    chain_batches()


def follow_imports() -> None:
    nothing = sa.text("'{}'::jsonb")
    op.add_column("import_run", sa.Column("options", JSONB(), nullable=False, server_default=nothing))
    op.add_column("import_run", sa.Column("rows_done", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("import_run", sa.Column("rows_total", sa.Integer(), nullable=True))
    op.add_column("import_run", sa.Column("error", JSONB(), nullable=True))
    op.add_column("import_run", sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import_row", sa.Column("conflicts", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.create_index(
        "ix_import_run_unfinished",
        "import_run",
        ["tenant_id", "id"],
        postgresql_where=sa.text("status in ('queued', 'running')"),
    )


def keep_files() -> None:
    op.create_table(
        "import_file",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_import_file_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_import_file")),
    )
    op.create_index("ix_import_file_import_id", "import_file", ["tenant_id", "import_id", "id"])
    # It lives for a minute: packing it would cost more than it saves.
    op.execute("alter table import_file alter column content set storage external")
    wall_off("import_file")
    grant("import_file")


def chain_batches() -> None:
    """The same chain as before, but linked by one statement over the whole batch: a loop of inserts was most of an import.

    Nothing is read back from the table: a narrowed principal may cause an event that it cannot see.
    """
    op.execute("""
        create function event_link(link text, start text, body text) returns text language sql immutable parallel safe as $$
            select encode(sha256(convert_to(coalesce(link, start) || body, 'UTF8')), 'hex')
        $$
    """)
    op.execute("create aggregate event_chain(start text, body text) (sfunc = event_link, stype = text)")
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
            heard := exists (
                select 1 from webhook_endpoint where tenant_id = owner and enabled and archived_at is null);
        end $$
    """)
