"""the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _calls()
    _deliveries()
    _events()
    _looks()
    _modes()
    _moves()
    _policies()
    _switches()
    _tickets()
    _arrivals()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("attempted_at", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(
        "calls_open",
        "calls",
        ["ref"],
        unique=False,
        sqlite_where=sa.text("open = true"),
        postgresql_where=sa.text("open = true"),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("vendor_id", sa.Text(), nullable=True),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("vendor", "site", "vendor_id"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ref", "event"),
    )


def _looks() -> None:
    op.create_table(
        "looks",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.LargeBinary(), nullable=False),
        sa.Column("case_before", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("looks_of_ticket", "looks", ["ref", "at"], unique=False)


def _modes() -> None:
    op.create_table(
        "modes",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )


def _moves() -> None:
    op.create_table(
        "moves",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("adoptive", sa.Boolean(), nullable=False),
        sa.Column("braking", sa.Boolean(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("moves_of_site", "moves", ["site", "at", "adoptive", "braking"], unique=False)


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("activated_at", sa.Double(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )


def _switches() -> None:
    op.create_table(
        "switches",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("marks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("outside", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("case", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_index("tickets_due", "tickets", ["due_at"], unique=False)


def _arrivals() -> None:
    op.create_table(
        "arrivals",
        sa.Column("delivery", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("read", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery", "ref"),
    )
    op.create_index(
        "arrivals_unread",
        "arrivals",
        ["ref"],
        unique=False,
        sqlite_where=sa.text("read = false"),
        postgresql_where=sa.text("read = false"),
    )
