"""The audit trail: months made ahead by whoever runs, never emptied, and exported as a file.

Forward only, and safe while the previous version is still running: it neither calls the function nor knows the table.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import TENANT, grant, never_emptied, wall_off, within_organizations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    never_emptied("event")
    op.execute("""
        do $$ declare part regclass; begin
            for part in select inhrelid::regclass from pg_inherits where inhparent = 'event'::regclass loop
                execute format('create trigger never_emptied before truncate on %s execute function refuse_emptying()', part);
            end loop;
        end $$
    """)
    make_months_ahead()
    op.create_table(
        "audit_export",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=64), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("requested_by", JSONB(), nullable=False),
        sa.Column("up_to_sequence", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("storage_key", sa.String(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_audit_export_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_audit_export")),
    )
    wall_off("audit_export")
    grant("audit_export")


def make_months_ahead() -> None:
    """The application's role owns nothing and makes no table; this one function, the owner's, makes partitions for it.

    A month of which the default partition already holds rows stays there: a program that was off, or ran without a chore,
    for years starts all the same, and no row of the trail is ever moved.
    """
    wall = f"{TENANT} and {within_organizations('organization_id')}".replace("'", "''")
    op.execute(f"""
        create function make_event_partitions(ahead integer) returns integer
        language plpgsql security definer set search_path = pg_catalog, public, pg_temp set timezone = 'UTC'
        set lock_timeout = '5s' as $$
        declare
            month date := date_trunc('month', now());
            name text;
            made integer := 0;
        begin
            perform pg_advisory_xact_lock(hashtextextended('bitewing event partitions', 0));
            for step in 0 .. least(greatest(ahead, 0), 60) loop
                name := 'event_' || to_char(month, 'YYYY_MM');
                if to_regclass('public.' || name) is null then
                    begin
                        execute format('create table public.%I partition of public.event for values from (%L) to (%L)',
                            name, month, (month + interval '1 month')::date);
                        execute format('alter table public.%I enable row level security', name);
                        execute format('alter table public.%I force row level security', name);
                        execute format('create policy wall on public.%I using ({wall}) with check ({wall})', name);
                        execute format('create trigger never_emptied before truncate on public.%I '
                            'execute function refuse_emptying()', name);
                        made := made + 1;
                    exception when check_violation then null;
                    end;
                end if;
                month := (month + interval '1 month')::date;
            end loop;
            return made;
        end $$
    """)
    op.execute("revoke all on function make_event_partitions(integer) from public")
    op.execute("grant execute on function make_event_partitions(integer) to bitewing_app")
