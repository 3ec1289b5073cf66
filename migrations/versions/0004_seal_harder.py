"""What is sealed stays as it was, also against the ways around a row's own trigger: moving an answer elsewhere, taking a
superseded analysis back into force, emptying a table.
"""

from alembic import op

from migrations.walls import never_emptied

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEPT_FOR_GOOD = ("assessment", "answer")


def upgrade() -> None:
    op.execute("""
        create or replace function refuse_sealed_change() returns trigger language plpgsql as $$
        declare
            may_move text[] := array['status', 'in_force_until', 'updated_at', 'version'];
        begin
            if old.status = 'open' then
                return coalesce(new, old);
            end if;
            if tg_op = 'UPDATE' and (to_jsonb(new) - may_move) = (to_jsonb(old) - may_move)
                and ((old.status = 'sealed' and new.status in ('sealed', 'superseded'))
                  or (old.status = 'superseded' and new.status = 'superseded'
                      and new.in_force_until is not distinct from old.in_force_until))
            then
                return new;
            end if;
            raise exception 'a sealed analysis cannot be changed' using errcode = 'restrict_violation';
        end $$
    """)
    # The shared lock makes an answer wait for a seal that is being made, and then see it.
    op.execute("""
        create or replace function refuse_sealed_answer() returns trigger language plpgsql as $$
        declare
            spoken_to uuid[] := array[]::uuid[];
            asked uuid;
            found_status text;
        begin
            if tg_op <> 'INSERT' then
                spoken_to := spoken_to || old.assessment_id;
            end if;
            if tg_op <> 'DELETE' and not (new.assessment_id = any(spoken_to)) then
                spoken_to := spoken_to || new.assessment_id;
            end if;
            foreach asked in array spoken_to loop
                select status into found_status from assessment
                where tenant_id = coalesce(new.tenant_id, old.tenant_id) and id = asked for share;
                if found_status <> 'open' then
                    raise exception 'the answers of a sealed analysis cannot be changed'
                        using errcode = 'restrict_violation';
                end if;
            end loop;
            return coalesce(new, old);
        end $$
    """)
    op.execute("""
        create function refuse_emptying() returns trigger language plpgsql as $$
        begin
            raise exception '% is never emptied', tg_table_name using errcode = 'restrict_violation';
        end $$
    """)
    for table in KEPT_FOR_GOOD:
        never_emptied(table)
