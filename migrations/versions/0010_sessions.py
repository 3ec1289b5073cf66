"""Sessions behind the tenant's wall; and, outside it as people are, one-use links and who has a seat where.

Safe while the previous version runs: the trigger keeps seats for its sign-ups as well.
"""

import sqlalchemy as sa
from alembic import op

from migrations.walls import grant, wall_off

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("person", sa.Column("signed_out_at", sa.DateTime(timezone=True), nullable=True))
    make_sessions()
    make_links()
    keep_seats()


def make_sessions() -> None:
    op.create_table(
        "session",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("previous_fingerprint", sa.String(), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idle_minutes", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("user_agent", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f("fk_session_tenant_id_member_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_session_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_session")),
        sa.UniqueConstraint("tenant_id", "fingerprint", name=op.f("uq_session_tenant_id_fingerprint")),
    )
    op.create_index("ix_session_previous_fingerprint", "session", ["tenant_id", "previous_fingerprint"])
    op.create_index("ix_session_member_id", "session", ["tenant_id", "member_id"])
    wall_off("session")
    grant("session")


def make_links() -> None:
    op.create_table(
        "one_use_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_one_use_link_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_use_link")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_one_use_link_fingerprint")),
    )
    op.create_index("ix_one_use_link_person_id", "one_use_link", ["person_id"])
    grant("one_use_link", "select, insert, update")


def keep_seats() -> None:
    op.create_table(
        "seat",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("seat_of", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_seat_person_id")),
        sa.ForeignKeyConstraint(["seat_of"], ["tenant.id"], name=op.f("fk_seat_seat_of")),
        sa.PrimaryKeyConstraint("person_id", "seat_of", name=op.f("pk_seat")),
    )
    grant("seat", "select, insert, delete")
    op.execute("""
        create function keep_seat() returns trigger language plpgsql as $$
        begin
            if new.archived_at is null then
                insert into seat (person_id, seat_of) values (new.person_id, new.tenant_id) on conflict do nothing;
            else
                delete from seat where person_id = new.person_id and seat_of = new.tenant_id;
            end if;
            return null;
        end $$
    """)
    op.execute("""
        create trigger seat after insert or update of archived_at on member for each row execute function keep_seat()
    """)
    # The wall is forced upon the owner too; for this one statement, in this one transaction, the owner sees over it.
    op.execute("alter table member no force row level security")
    op.execute("insert into seat (person_id, seat_of) select person_id, tenant_id from member where archived_at is null")
    op.execute("alter table member force row level security")
