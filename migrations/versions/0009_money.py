"""Money without Stripe: accounts, subscriptions, invoices; and on organizations and tenants what is paid for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.walls import grant, wall_off

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "billing_account",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("billing_name", sa.String(length=200), nullable=True),
        sa.Column("billing_email", sa.String(length=320), nullable=True),
        sa.Column("billing_address", sa.String(length=500), nullable=True),
        sa.Column("tax_rate", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("ledger", sa.String(length=64), nullable=False),
        sa.Column("collection", sa.String(length=64), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("next_statement_on", sa.Date(), nullable=True),
        sa.Column("commitment", sa.Integer(), nullable=False),
        sa.Column("commitment_rate", sa.Integer(), nullable=True),
        sa.Column("commitment_until", sa.Date(), nullable=True),
        sa.Column("stripe_customer_id", sa.String(), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(), nullable=True),
        sa.Column("stripe_status", sa.String(), nullable=True),
        sa.Column("pushed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_billing_account_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_billing_account_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_billing_account")),
        sa.UniqueConstraint(
            "tenant_id",
            "organization_id",
            name=op.f("uq_billing_account_tenant_id_organization_id"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "invoice",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("lines", JSONB(), nullable=False),
        sa.Column("subtotal_cents", sa.Integer(), nullable=False),
        sa.Column("tax_cents", sa.Integer(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("paid_cents", sa.Integer(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("overdue_since", sa.Date(), nullable=True),
        sa.Column("stripe_invoice_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["billing_account.tenant_id", "billing_account.id"],
            name=op.f("fk_invoice_tenant_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_invoice_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_invoice_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("tenant_id", "number", name=op.f("uq_invoice_tenant_id_number")),
        sa.UniqueConstraint("tenant_id", "stripe_invoice_id", name=op.f("uq_invoice_tenant_id_stripe_invoice_id")),
    )
    op.create_index("ix_invoice_account", "invoice", ["tenant_id", "account_id", "status", "id"], unique=False)
    op.create_index("ix_invoice_issued_on", "invoice", ["tenant_id", "issued_on", "id"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("paid_by", sa.String(length=64), nullable=False),
        sa.Column("renewal", sa.String(length=64), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("locations", sa.Integer(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("rate_until", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("quote_id", sa.Uuid(), nullable=True),
        sa.Column("checkout_session_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["billing_account.tenant_id", "billing_account.id"],
            name=op.f("fk_subscription_tenant_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_subscription_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_subscription_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("tenant_id", "organization_id", "id", name=op.f("uq_subscription_tenant_id_organization_id_id")),
    )
    op.create_index("ix_subscription_account_id", "subscription", ["tenant_id", "account_id", "id"], unique=False)
    op.create_index(
        "ix_subscription_live",
        "subscription",
        ["tenant_id", "organization_id"],
        unique=True,
        postgresql_where=sa.text("ended_on is null"),
    )
    op.create_table(
        "charge",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cents", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("stripe_invoice_item_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["billing_account.tenant_id", "billing_account.id"],
            name=op.f("fk_charge_tenant_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"], name=op.f("fk_charge_tenant_id_invoice_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_charge_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_charge_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_charge")),
    )
    op.create_index("ix_charge_waiting", "charge", ["tenant_id", "account_id", "invoice_id", "id"], unique=False)
    op.create_table(
        "invoice_reminder",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("told_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"],
            ["invoice.tenant_id", "invoice.id"],
            name=op.f("fk_invoice_reminder_tenant_id_invoice_id"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_invoice_reminder_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_invoice_reminder_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_invoice_reminder")),
        sa.UniqueConstraint("tenant_id", "invoice_id", "day", name=op.f("uq_invoice_reminder_tenant_id_invoice_id_day")),
    )
    op.create_table(
        "payment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("method", sa.String(length=60), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "invoice_id"], ["invoice.tenant_id", "invoice.id"], name=op.f("fk_payment_tenant_id_invoice_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organization.tenant_id", "organization.id"],
            name=op.f("fk_payment_tenant_id_organization_id"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_payment_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_payment")),
    )
    op.add_column("organization", sa.Column("covered_until", sa.Date(), nullable=True))
    op.add_column("organization", sa.Column("subscription_state", sa.String(length=64), nullable=True))
    op.add_column("organization", sa.Column("plan", sa.String(length=64), nullable=True))
    op.add_column("organization", sa.Column("limits", JSONB(), server_default="{}", nullable=False))
    op.add_column("tenant", sa.Column("trial_until", sa.Date(), nullable=True))
    op.add_column("tenant", sa.Column("covered_until", sa.Date(), nullable=True))
    op.add_column("tenant", sa.Column("limits", JSONB(), server_default="{}", nullable=False))
    wall_off("billing_account", organization="organization_id")
    grant("billing_account")
    wall_off("charge", organization="organization_id")
    grant("charge")
    wall_off("invoice", organization="organization_id")
    grant("invoice")
    wall_off("invoice_reminder", organization="organization_id")
    grant("invoice_reminder")
    wall_off("payment", organization="organization_id")
    grant("payment")
    wall_off("subscription", organization="organization_id")
    grant("subscription")
    op.execute("update tenant set trial_until = current_date + 14")
