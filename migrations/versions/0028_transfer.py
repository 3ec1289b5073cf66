"""Hand a practice over to another tenant, with all its records, when both have agreed.

Safe while the previous version runs: it knows neither the table nor the functions, and the triggers that it meets refuse
what they have always refused.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

FOR_THE_APPLICATION = (
    "transfer_ask(uuid, text, uuid, text, text, text, jsonb)",
    "transfer_tell(uuid, uuid, text, text, jsonb)",
    "transfer_move(uuid, uuid, text[], jsonb)",
)


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("organization_name", sa.String(length=200), nullable=True),
        sa.Column("other_tenant_id", sa.Uuid(), nullable=True),
        sa.Column("other_tenant_name", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=True),
        sa.Column("problem", sa.String(length=1000), nullable=True),
        sa.Column("code_hash", sa.String(length=64), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_by", JSONB(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_by", sa.String(length=64), nullable=True),
        sa.Column("cover", JSONB(), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_transfer_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("tenant_id", "code_hash", name=op.f("uq_transfer_tenant_id_code_hash")),
    )
    op.create_index("ix_transfer_created_at", "transfer", ["tenant_id", "created_at", "id"], unique=False)
    op.create_index(
        "uq_transfer_waiting",
        "transfer",
        ["tenant_id", "organization_id"],
        unique=True,
        postgresql_where=sa.text("status in ('requested', 'accepted')"),
    )
    wall_off("transfer", organization="organization_id")
    grant("transfer")
    op.add_column("organization", sa.Column("transferred_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("organization", sa.Column("transferred_to", sa.String(length=200), nullable=True))
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    for statement in script.split("\n-- next\n"):
        op.get_bind().exec_driver_sql(statement)
    for table in ("answer_entry", "disposal"):
        op.execute(f"drop trigger append_only on {table}")
        op.execute(
            f"create trigger append_only before update or delete on {table} "
            "for each row execute function refuse_change_but_moving()"
        )
    for function in FOR_THE_APPLICATION:
        op.execute(f"revoke all on function {function} from public")
        op.execute(f"grant execute on function {function} to bitewing_app")
