"""The walls as SQL: what every migration that makes a table must say about it.

The policies are written plainly, without a sub-select or a function of ours: a distributed Postgres refuses those, and
a reader can see at a glance what they let through. ``nullif`` and ``true`` make "no tenant set" mean "no rows".
"""

from alembic import op

TENANT = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
CHOSEN = "string_to_array(current_setting('app.organization_ids', true), ',')::uuid[]"


def within_organizations(column: str) -> str:
    """True for every row when the principal is not narrowed, else only for the organizations it was given."""
    return f"(coalesce(current_setting('app.organization_ids', true), '') = '' or {column} = any({CHOSEN}))"


def wall_off(table: str, *, organization: str | None = None, check_organization: bool = True) -> None:
    """Enable and force the wall on a table; ``organization`` names the column of the second wall."""
    visible = f"{TENANT} and {within_organizations(organization)}" if organization else TENANT
    writable = visible if check_organization else TENANT
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy wall on {table} using ({visible}) with check ({writable})")


def grant(table: str, rights: str = "select, insert, update, delete") -> None:
    """Let the application's role use the table. It never owns one."""
    op.execute(f"grant {rights} on {table} to bitewing_app")


def append_only(table: str) -> None:
    """Refuse to change or remove a row of ``table``, whoever asks: even the owner's statements pass a trigger."""
    op.execute(f"create trigger append_only before update or delete on {table} for each row execute function refuse_change()")


def never_emptied(table: str) -> None:
    """Refuse TRUNCATE, which no trigger of a row sees."""
    op.execute(f"create trigger never_emptied before truncate on {table} execute function refuse_emptying()")
