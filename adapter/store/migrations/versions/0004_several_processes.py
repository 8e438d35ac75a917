"""What several processes know together, an administrator's orders, pulses, which tickets have ended; and indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    _several_processes()
    _orders()
    _pulses()
    op.add_column("tickets", sa.Column("ended", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    _index("deliveries_dead", "deliveries", "row", "problem IS NOT NULL")
    _index("tickets_stuck", "tickets", "ref", "trouble IS NOT NULL")
    _index("calls_waiting", "calls", "created_at", "open = true")
    op.create_index("calls_of_ticket", "calls", ["ref"], unique=False)


def _index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _several_processes() -> None:
    op.create_table(
        "brakes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
        sa.Column("probe_until", sa.Double(), nullable=True),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("rest", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "paces",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("paces_of_site", "paces", ["site", "at"], unique=False)
    op.create_index("paces_of_ticket", "paces", ["site", "ticket", "at"], unique=False)
    op.create_table(
        "keepsakes",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("kept", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ref", "key"),
    )


def _pulses() -> None:
    op.create_table(
        "pulses",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("name"),
    )
