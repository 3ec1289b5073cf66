"""The guide: who is asked, what was said before, what is talked about, and links for people without a seat.

Forward only, and safe while the previous version is still running: what is new may be left out.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import append_only, grant, wall_off

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answer", sa.Column("assignee_id", sa.Uuid(), nullable=True))
    op.add_column("answer", sa.Column("link_id", sa.Uuid(), nullable=True))
    op.add_column("answer", sa.Column("seen", JSONB(), nullable=True))
    op.add_column("answer", sa.Column("reopened", JSONB(), nullable=True))
    op.add_column("answer", sa.Column("continuity", sa.String(length=64), nullable=True))
    _belongs_to_member("answer", "assignee_id")
    _make("answer_entry", _history())
    append_only("answer_entry")
    _make("topic_comment", _comments())
    _belongs_to_member("topic_comment", "author_id")
    _make("topic_link", _links())


def _history() -> list[sa.Column[object]]:
    return [
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("state_before", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("rationale", sa.String(), nullable=True),
        sa.Column("alternative", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("because", JSONB(), nullable=False),
        sa.Column("actor", JSONB(), nullable=False),
    ]


def _comments() -> list[sa.Column[object]]:
    return [
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.String(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("link_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.String(length=10_000), nullable=False),
    ]


def _links() -> list[sa.Column[object]]:
    return [
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("topic_ids", JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
    ]


def _make(table: str, columns: list[sa.Column[object]]) -> None:
    """One table of an organization's rows below an analysis, behind both walls."""
    op.create_table(
        table,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f(f"fk_{table}_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "assessment_id"],
            ["assessment.tenant_id", "assessment.organization_id", "assessment.id"],
            name=op.f(f"fk_{table}_tenant_id_organization_id_assessment_id"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f(f"uq_{table}_tenant_id_organization_id_id")),
    )
    if table == "topic_link":
        op.create_unique_constraint(op.f("uq_topic_link_tenant_id_fingerprint"), table, ["tenant_id", "fingerprint"])
        op.create_index("ix_topic_link_assessment_id", table, ["tenant_id", "assessment_id", "id"])
    else:
        op.create_index(f"ix_{table}_assessment_id_topic_id", table, ["tenant_id", "assessment_id", "topic_id", "id"])
    wall_off(table, organization="organization_id")
    grant(table)


def _belongs_to_member(table: str, column: str) -> None:
    op.create_foreign_key(op.f(f"fk_{table}_tenant_id_{column}"), table, "member", ["tenant_id", column], ["tenant_id", "id"])
