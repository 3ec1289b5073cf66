"""The house: every table, behind its walls.

Forward only, and safe while the previous version is still running: add, then fill, then (a release later) remove.
A migration that has landed is never edited.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import TENANT, append_only, grant, wall_off

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OWNED_BY_TENANTS = (
    "api_key", "delivery", "delivery_attempt", "event_head", "kept_answer", "member", "vendor", "webhook_endpoint",
)  # fmt: skip
OWNED_BY_ORGANIZATIONS = (
    "access_request", "answer", "assessment", "baa", "backup", "device", "document", "engagement", "finding", "flow",
    "import_row", "import_run", "incident", "location", "partner", "policy", "remote_access", "segment", "system", "task",
    "task_comment", "task_finding", "workforce",
)  # fmt: skip


def upgrade() -> None:
    make_tables()
    raise_walls()
    chain_events()
    freeze_sealed_assessments()
    make_job_queue()


def make_tables() -> None:
    op.create_table(
        "kept_answer",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "principal_id", "key", name=op.f("pk_kept_answer")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "tenant",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("brand", JSONB(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenant")),
    )
    op.create_table(
        "event",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("actor", JSONB(), nullable=False),
        sa.Column("context", JSONB(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_event_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "at", "id", name=op.f("pk_event")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_event_sequence", "event", ["tenant_id", "sequence"], unique=False)
    op.create_index("ix_event_subject", "event", ["tenant_id", "subject_id", "sequence"], unique=False)
    op.create_table(
        "event_head",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_event_head_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_event_head")),
    )
    op.create_table(
        "member",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("organization_ids", JSONB(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_member_person_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_member_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_member")),
        sa.UniqueConstraint("tenant_id", "person_id", name=op.f("uq_member_tenant_id_person_id")),
    )
    op.create_table(
        "organization",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("legal_name", sa.String(length=300), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("specialty", sa.String(length=120), nullable=True),
        sa.Column("contact_role", sa.String(length=120), nullable=True),
        sa.Column("contact_email", sa.String(length=320), nullable=True),
        sa.Column("security_official", sa.String(length=200), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("prior_analysis", JSONB(), nullable=True),
        sa.Column("paid_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_organization_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_organization")),
        sa.UniqueConstraint("tenant_id", "ref", name=op.f("uq_organization_tenant_id_ref")),
    )
    op.create_index("ix_organization_name", "organization", ["tenant_id", "name", "id"], unique=False)
    op.create_table(
        "vendor",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("contact_email", sa.String(length=320), nullable=True),
        sa.Column("website", sa.String(length=300), nullable=True),
        sa.Column("products", JSONB(), nullable=False),
        sa.Column("subcontractors", JSONB(), nullable=True),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_vendor_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_vendor")),
        sa.UniqueConstraint("tenant_id", "ref", name=op.f("uq_vendor_tenant_id_ref")),
    )
    op.create_index("ix_vendor_name", "vendor", ["tenant_id", "name", "id"], unique=False)
    op.create_table(
        "webhook_endpoint",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("event_types", JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("secrets", JSONB(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_webhook_endpoint_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_table(
        "access_request",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("format", sa.String(length=200), nullable=True),
        sa.Column("extension_notice", sa.Boolean(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_access_request_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_access_request_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_access_request")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_access_request_tenant_id_organization_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "organization_id", "ref", name=op.f("uq_access_request_tenant_id_organization_id_ref")
        ),
    )
    op.create_table(
        "api_key",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], name=op.f("fk_api_key_tenant_id_member_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_api_key_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("tenant_id", "fingerprint", name=op.f("uq_api_key_tenant_id_fingerprint")),
    )
    op.create_table(
        "assessment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=4000), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("previous_id", sa.Uuid(), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undetermined", JSONB(), nullable=False),
        sa.Column("unknown_facts", JSONB(), nullable=False),
        sa.Column("signatures", JSONB(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_sha256", sa.String(), nullable=True),
        sa.Column("dataset", JSONB(), nullable=True),
        sa.Column("in_force_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "previous_id"],
            ["assessment.tenant_id", "assessment.organization_id", "assessment.id"],
            name=op.f("fk_assessment_tenant_id_organization_id_previous_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_assessment_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_assessment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_assessment")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_assessment_tenant_id_organization_id_id")),
        sa.UniqueConstraint(
            "tenant_id", "organization_id", "number", name=op.f("uq_assessment_tenant_id_organization_id_number")
        ),
    )
    op.create_index(
        "ix_assessment_organization_id_number", "assessment", ["tenant_id", "organization_id", "number", "id"], unique=False
    )
    op.create_index(
        "uq_assessment_open",
        "assessment",
        ["tenant_id", "organization_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "delivery",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_kind", sa.String(), nullable=False),
        sa.Column("event_sequence", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoint.tenant_id", "webhook_endpoint.id"],
            name=op.f("fk_delivery_tenant_id_endpoint_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "event_at", "event_id"],
            ["event.tenant_id", "event.at", "event.id"],
            name=op.f("fk_delivery_tenant_id_event_at_event_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_delivery_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("tenant_id", "endpoint_id", "event_id", name=op.f("uq_delivery_tenant_id_endpoint_id_event_id")),
    )
    op.create_index("ix_delivery_endpoint", "delivery", ["tenant_id", "endpoint_id", "event_sequence", "id"], unique=False)
    op.create_index(
        "ix_delivery_pending",
        "delivery",
        ["tenant_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "document",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("review_due_on", sa.Date(), nullable=True),
        sa.Column("in_effect_until", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("filename", sa.String(length=255), nullable=True),
        sa.Column("media_type", sa.String(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("storage_key", sa.String(), nullable=True),
        sa.Column("retain_until", sa.Date(), nullable=True),
        sa.Column("deleted_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_document_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_document_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_document")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_document_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_document_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "engagement",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("creates_phi", sa.Boolean(), nullable=True),
        sa.Column("receives_phi", sa.Boolean(), nullable=True),
        sa.Column("maintains_phi", sa.Boolean(), nullable=True),
        sa.Column("transmits_phi", sa.Boolean(), nullable=True),
        sa.Column("remote_access", sa.String(), nullable=True),
        sa.Column("can_view_ephi", sa.Boolean(), nullable=True),
        sa.Column("vendor_facts", JSONB(), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_engagement_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_engagement_tenant_id_vendor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_engagement_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_engagement")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_engagement_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_engagement_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_engagement_vendor", "engagement", ["tenant_id", "vendor_id", "id"], unique=False)
    op.create_table(
        "import_run",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("counts", JSONB(), nullable=False),
        sa.Column("conflicts", JSONB(), nullable=False),
        sa.Column("unmatched", JSONB(), nullable=False),
        sa.Column("answers", JSONB(), nullable=False),
        sa.Column("files", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_import_run_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_import_run_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_import_run")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_import_run_tenant_id_organization_id_id")),
    )
    op.create_index("ix_import_run_organization_id", "import_run", ["tenant_id", "organization_id", "id"], unique=False)
    op.create_table(
        "incident",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(length=4000), nullable=False),
        sa.Column("discovered_on", sa.Date(), nullable=False),
        sa.Column("affected_count", sa.Integer(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("breach_decision", sa.String(length=4000), nullable=True),
        sa.Column("assessment", JSONB(), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_incident_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_incident_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_incident")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_incident_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_incident_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "location",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("operatories", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("rmm_site", sa.String(length=200), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_location_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_location_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_location")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_location_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_location_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "partner",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_partner_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_partner_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_partner")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_partner_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_partner_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "remote_access",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("targets", JSONB(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_remote_access_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_remote_access_tenant_id_vendor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_remote_access_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_remote_access")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_remote_access_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_remote_access_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "task",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("description", sa.String(length=10000), nullable=True),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_by", sa.Uuid(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column("residual_likelihood", sa.String(length=64), nullable=True),
        sa.Column("residual_impact", sa.String(length=64), nullable=True),
        sa.Column("residual_level", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "assignee_id"], ["member.tenant_id", "member.id"], name=op.f("fk_task_tenant_id_assignee_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_task_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_task_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_task_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_task_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_task_due", "task", ["tenant_id", sa.text("coalesce(due_on, 'infinity'::date)"), "id"], unique=False)
    op.create_index(
        "ix_task_organization_due",
        "task",
        ["tenant_id", "organization_id", sa.text("coalesce(due_on, 'infinity'::date)"), "id"],
        unique=False,
    )
    op.create_table(
        "workforce",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("trained_on", sa.Date(), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("accounts", JSONB(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_workforce_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_workforce_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_workforce")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_workforce_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_workforce_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "answer",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("topic_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("rationale", sa.String(), nullable=True),
        sa.Column("alternative", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("evidence", JSONB(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposal", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "assessment_id"],
            ["assessment.tenant_id", "assessment.organization_id", "assessment.id"],
            name=op.f("fk_answer_tenant_id_organization_id_assessment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_answer_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_answer_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_answer")),
        sa.UniqueConstraint("tenant_id", "assessment_id", "topic_id", name=op.f("uq_answer_tenant_id_assessment_id_topic_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_answer_tenant_id_organization_id_id")),
    )
    op.create_table(
        "baa",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=True),
        sa.Column("end_on", sa.Date(), nullable=True),
        sa.Column("amended_on", sa.Date(), nullable=True),
        sa.Column("breach_notice_days", sa.Integer(), nullable=True),
        sa.Column("missing_required_clauses", JSONB(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("signers", JSONB(), nullable=False),
        sa.Column("terminated_on", sa.Date(), nullable=True),
        sa.Column("termination_reason", sa.String(), nullable=True),
        sa.Column("return_destroy_attested_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "document_id"],
            ["document.tenant_id", "document.organization_id", "document.id"],
            name=op.f("fk_baa_tenant_id_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_baa_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_baa_tenant_id_vendor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_baa_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_baa")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_baa_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_baa_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_baa_vendor", "baa", ["tenant_id", "vendor_id", "id"], unique=False)
    op.create_table(
        "delivery_attempt",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "delivery_id"],
            ["delivery.tenant_id", "delivery.id"],
            name=op.f("fk_delivery_attempt_tenant_id_delivery_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_delivery_attempt_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_delivery_attempt")),
    )
    op.create_index("ix_delivery_attempt", "delivery_attempt", ["tenant_id", "delivery_id", "id"], unique=False)
    op.create_table(
        "device",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("hostname", sa.String(length=255), nullable=True),
        sa.Column("serial", sa.String(length=255), nullable=True),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("os_name", sa.String(length=200), nullable=True),
        sa.Column("os_edition", sa.String(length=100), nullable=True),
        sa.Column("os_build", sa.String(length=100), nullable=True),
        sa.Column("encryption_at_rest", sa.String(length=64), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("os_key", sa.String(), nullable=True),
        sa.Column("os_candidates", JSONB(), nullable=False),
        sa.Column("os_supported_until", sa.Date(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("stale_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "location_id"],
            ["location.tenant_id", "location.organization_id", "location.id"],
            name=op.f("fk_device_tenant_id_organization_id_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_device_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_device_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_device")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_device_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_device_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_device_hostname", "device", ["tenant_id", "organization_id", sa.text("lower(hostname)")], unique=False)
    op.create_index("ix_device_kind", "device", ["tenant_id", "kind", "id"], unique=False)
    op.create_index("ix_device_name", "device", ["tenant_id", "name", "id"], unique=False)
    op.create_index("ix_device_organization", "device", ["tenant_id", "organization_id", "name", "id"], unique=False)
    op.create_index("ix_device_os_supported_until", "device", ["tenant_id", "os_supported_until", "id"], unique=False)
    op.create_index(
        "uq_device_source",
        "device",
        ["tenant_id", "organization_id", "source", "source_id"],
        unique=True,
        postgresql_where=sa.text("source_id is not null"),
    )
    op.create_table(
        "finding",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=True),
        sa.Column("topic_id", sa.String(), nullable=True),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("subject_name", sa.String(length=300), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("threat", sa.String(), nullable=False),
        sa.Column("vulnerability", sa.String(), nullable=False),
        sa.Column("citations", JSONB(), nullable=False),
        sa.Column("proposed_citations", JSONB(), nullable=False),
        sa.Column("remediation", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("likelihood", sa.String(length=64), nullable=False),
        sa.Column("impact", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("level_rank", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("missing_facts", JSONB(), nullable=False),
        sa.Column("current_measures", sa.String(), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("treatment", sa.String(length=64), nullable=True),
        sa.Column("decision", JSONB(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "assessment_id"],
            ["assessment.tenant_id", "assessment.organization_id", "assessment.id"],
            name=op.f("fk_finding_tenant_id_organization_id_assessment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_finding_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_finding_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_finding")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_finding_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "key", name=op.f("uq_finding_tenant_id_organization_id_key")),
    )
    op.create_index("ix_finding_level_rank", "finding", ["tenant_id", "level_rank", "id"], unique=False)
    op.create_index(
        "ix_finding_organization_id_level_rank", "finding", ["tenant_id", "organization_id", "level_rank", "id"], unique=False
    )
    op.create_table(
        "import_row",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("import_run_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("pointer", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("subject_type", sa.String(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("label", sa.String(length=300), nullable=True),
        sa.Column("warnings", JSONB(), nullable=False),
        sa.Column("raw", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "import_run_id"],
            ["import_run.tenant_id", "import_run.organization_id", "import_run.id"],
            name=op.f("fk_import_row_tenant_id_organization_id_import_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_import_row_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_import_row_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_import_row")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_import_row_tenant_id_organization_id_id")),
    )
    op.create_index(
        "ix_import_row_import_run_id_position", "import_row", ["tenant_id", "import_run_id", "position", "id"], unique=False
    )
    op.create_table(
        "policy",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=True),
        sa.Column("in_place", sa.Boolean(), nullable=True),
        sa.Column("adopted_on", sa.Date(), nullable=True),
        sa.Column("review_due_on", sa.Date(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "document_id"],
            ["document.tenant_id", "document.organization_id", "document.id"],
            name=op.f("fk_policy_tenant_id_organization_id_document_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_policy_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_policy_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_policy")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_policy_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "key", name=op.f("uq_policy_tenant_id_organization_id_key")),
    )
    op.create_table(
        "segment",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("subnet", sa.String(length=60), nullable=True),
        sa.Column("isolated", sa.Boolean(), nullable=True),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "location_id"],
            ["location.tenant_id", "location.organization_id", "location.id"],
            name=op.f("fk_segment_tenant_id_organization_id_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_segment_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_segment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_segment")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_segment_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_segment_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "system",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("hosted_by_vendor", sa.Boolean(), nullable=True),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("product", sa.String(length=200), nullable=True),
        sa.Column("product_version", sa.String(length=100), nullable=True),
        sa.Column("encryption_at_rest", sa.String(length=64), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "location_id"],
            ["location.tenant_id", "location.organization_id", "location.id"],
            name=op.f("fk_system_tenant_id_organization_id_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_system_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_system_tenant_id_vendor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_system_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_system")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_system_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_system_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_system_organization", "system", ["tenant_id", "organization_id", "name", "id"], unique=False)
    op.create_table(
        "task_comment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.String(length=10000), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "author_id"], ["member.tenant_id", "member.id"], name=op.f("fk_task_comment_tenant_id_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "task_id"],
            ["task.tenant_id", "task.organization_id", "task.id"],
            name=op.f("fk_task_comment_tenant_id_organization_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_task_comment_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_task_comment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task_comment")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_task_comment_tenant_id_organization_id_id")),
    )
    op.create_index("ix_task_comment_task_id", "task_comment", ["tenant_id", "task_id", "id"], unique=False)
    op.create_table(
        "backup",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("target_device_id", sa.Uuid(), nullable=True),
        sa.Column("target_system_id", sa.Uuid(), nullable=True),
        sa.Column("covers", JSONB(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_restore_test_on", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "target_device_id"],
            ["device.tenant_id", "device.organization_id", "device.id"],
            name=op.f("fk_backup_tenant_id_organization_id_target_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "target_system_id"],
            ["system.tenant_id", "system.organization_id", "system.id"],
            name=op.f("fk_backup_tenant_id_organization_id_target_system_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_backup_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_backup_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_backup")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_backup_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_backup_tenant_id_organization_id_ref")),
    )
    op.create_table(
        "flow",
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("facts", JSONB(), nullable=False),
        sa.Column("provenance", JSONB(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=True),
        sa.Column("direction", sa.String(length=64), nullable=True),
        sa.Column("encrypted", sa.Boolean(), nullable=True),
        sa.Column("tls_version", sa.String(length=10), nullable=True),
        sa.Column("audit_logged", sa.Boolean(), nullable=True),
        sa.Column("crosses_internet", sa.Boolean(), nullable=True),
        sa.Column("purpose", sa.String(length=60), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("active_since", sa.Date(), nullable=True),
        sa.Column("active_until", sa.Date(), nullable=True),
        sa.Column("ref", sa.String(length=200), nullable=True),
        sa.Column("source_kind", sa.String(length=64), nullable=True),
        sa.Column("source_device_id", sa.Uuid(), nullable=True),
        sa.Column("source_system_id", sa.Uuid(), nullable=True),
        sa.Column("source_partner_id", sa.Uuid(), nullable=True),
        sa.Column("source_vendor_id", sa.Uuid(), nullable=True),
        sa.Column("source_name", sa.String(), nullable=True),
        sa.Column("destination_kind", sa.String(length=64), nullable=True),
        sa.Column("destination_device_id", sa.Uuid(), nullable=True),
        sa.Column("destination_system_id", sa.Uuid(), nullable=True),
        sa.Column("destination_partner_id", sa.Uuid(), nullable=True),
        sa.Column("destination_vendor_id", sa.Uuid(), nullable=True),
        sa.Column("destination_name", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "destination_vendor_id"],
            ["vendor.tenant_id", "vendor.id"],
            name=op.f("fk_flow_tenant_id_destination_vendor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "destination_device_id"],
            ["device.tenant_id", "device.organization_id", "device.id"],
            name=op.f("fk_flow_tenant_id_organization_id_destination_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "destination_partner_id"],
            ["partner.tenant_id", "partner.organization_id", "partner.id"],
            name=op.f("fk_flow_tenant_id_organization_id_destination_partner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "destination_system_id"],
            ["system.tenant_id", "system.organization_id", "system.id"],
            name=op.f("fk_flow_tenant_id_organization_id_destination_system_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "source_device_id"],
            ["device.tenant_id", "device.organization_id", "device.id"],
            name=op.f("fk_flow_tenant_id_organization_id_source_device_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "source_partner_id"],
            ["partner.tenant_id", "partner.organization_id", "partner.id"],
            name=op.f("fk_flow_tenant_id_organization_id_source_partner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "source_system_id"],
            ["system.tenant_id", "system.organization_id", "system.id"],
            name=op.f("fk_flow_tenant_id_organization_id_source_system_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_flow_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "source_vendor_id"],
            ["vendor.tenant_id", "vendor.id"],
            name=op.f("fk_flow_tenant_id_source_vendor_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "vendor_id"], ["vendor.tenant_id", "vendor.id"], name=op.f("fk_flow_tenant_id_vendor_id")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_flow_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_flow")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_flow_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "organization_id", "ref", name=op.f("uq_flow_tenant_id_organization_id_ref")),
    )
    op.create_index("ix_flow_organization", "flow", ["tenant_id", "organization_id", "name", "id"], unique=False)
    op.create_table(
        "task_finding",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "finding_id"],
            ["finding.tenant_id", "finding.organization_id", "finding.id"],
            name=op.f("fk_task_finding_tenant_id_organization_id_finding_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id", "task_id"],
            ["task.tenant_id", "task.organization_id", "task.id"],
            name=op.f("fk_task_finding_tenant_id_organization_id_task_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_task_finding_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_task_finding_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_task_finding")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_task_finding_tenant_id_organization_id_id")),
        sa.UniqueConstraint("tenant_id", "task_id", "finding_id", name=op.f("uq_task_finding_tenant_id_task_id_finding_id")),
    )
    op.create_index("ix_task_finding_finding_id", "task_finding", ["tenant_id", "finding_id", "id"], unique=False)


def raise_walls() -> None:
    op.execute("grant usage on schema public to bitewing_app")
    for table in OWNED_BY_TENANTS:
        wall_off(table)
        grant(table)
    for table in OWNED_BY_ORGANIZATIONS:
        wall_off(table, organization="organization_id")
        grant(table)
    wall_off("organization", organization="id")
    grant("organization")
    # A narrowed principal may cause an event that concerns the whole tenant; it just cannot read it.
    wall_off("event", organization="organization_id", check_organization=False)
    grant("event", "select, insert")
    # Outside the wall on purpose: one person may sit in several tenants.
    for table in ("tenant", "person"):
        grant(table, "select, insert, update")


def chain_events() -> None:
    """Events are numbered in commit order, hashed over their predecessor, and never changed again."""
    op.execute("""
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
        end $$
    """)
    append_only("event")
    op.execute("""
        create function event_hash(
            previous text, tenant uuid, number bigint, id uuid, at timestamptz, kind text, subject_type text,
            subject_id uuid, organization_id uuid, changes jsonb, actor jsonb, context jsonb
        ) returns text language sql immutable parallel safe as $$
            select encode(sha256(convert_to(previous || jsonb_build_array(
                tenant, number, id, (extract(epoch from at) * 1000000)::bigint, kind, subject_type, subject_id,
                organization_id, changes, actor, context
            )::text, 'UTF8')), 'hex')
        $$
    """)
    # The lock on the head is taken last in a transaction and held to its commit: numbers follow commit order.
    op.execute("""
        create function append_events(batch jsonb, out before bigint, out last bigint, out heard boolean)
        language plpgsql as $$
        declare
            owner uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
            link text;
            next_link text;
            item record;
        begin
            select sequence, hash into before, link from event_head where tenant_id = owner for update;
            if not found then
                insert into event_head (tenant_id, sequence, hash) values (owner, 0, '');
                before := 0;
                link := '';
            end if;
            last := before;
            for item in
                select * from jsonb_to_recordset(batch) as each (
                    id uuid, at timestamptz, kind text, subject_type text, subject_id uuid, organization_id uuid,
                    changes jsonb, actor jsonb, context jsonb)
            loop
                last := last + 1;
                next_link := event_hash(link, owner, last, item.id, item.at, item.kind, item.subject_type,
                    item.subject_id, item.organization_id, item.changes, item.actor, item.context);
                insert into event (tenant_id, at, id, sequence, kind, subject_type, subject_id, organization_id,
                    changes, actor, context, previous_hash, hash)
                values (owner, item.at, item.id, last, item.kind, item.subject_type, item.subject_id,
                    item.organization_id, item.changes, item.actor, item.context, link, next_link);
                link := next_link;
            end loop;
            update event_head set sequence = last, hash = link where tenant_id = owner;
            heard := exists (
                select 1 from webhook_endpoint where tenant_id = owner and enabled and archived_at is null);
        end $$
    """)
    op.execute("create table event_default partition of event default")
    op.execute("alter table event_default enable row level security")
    op.execute("alter table event_default force row level security")
    op.execute(f"create policy wall on event_default using ({TENANT}) with check ({TENANT})")


def freeze_sealed_assessments() -> None:
    """A sealed analysis changes in two ways only: it is superseded, and its last day in effect becomes known."""
    op.execute("""
        create function refuse_sealed_change() returns trigger language plpgsql as $$
        begin
            if old.status = 'open' then
                return coalesce(new, old);
            end if;
            if tg_op = 'UPDATE' and new.status in ('sealed', 'superseded')
                and (to_jsonb(new) - array['status', 'in_force_until', 'updated_at', 'version'])
                  = (to_jsonb(old) - array['status', 'in_force_until', 'updated_at', 'version'])
            then
                return new;
            end if;
            raise exception 'a sealed analysis cannot be changed' using errcode = 'restrict_violation';
        end $$
    """)
    op.execute(
        "create trigger sealed before update or delete on assessment for each row execute function refuse_sealed_change()"
    )
    op.execute("""
        create function refuse_sealed_answer() returns trigger language plpgsql as $$
        declare
            row_of_answer answer := coalesce(new, old);
        begin
            if exists (select 1 from assessment where tenant_id = row_of_answer.tenant_id
                       and id = row_of_answer.assessment_id and status <> 'open') then
                raise exception 'the answers of a sealed analysis cannot be changed'
                    using errcode = 'restrict_violation';
            end if;
            return row_of_answer;
        end $$
    """)
    op.execute(
        "create trigger sealed before insert or update or delete on answer for each row execute function refuse_sealed_answer()"
    )


def make_job_queue() -> None:
    """pgqueuer's own tables, as its release 1.6 makes them; outside the wall, they hold ids only."""
    script = Path(__file__).with_name("0001_job_queue.sql").read_text(encoding="utf-8")
    connection = op.get_bind()
    for statement in script.split("\n-- next\n"):
        connection.exec_driver_sql(statement)
    for table in ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics"):
        grant(table, "all")
    grant("alembic_version", "select")
    op.execute("grant usage on all sequences in schema public to bitewing_app")
