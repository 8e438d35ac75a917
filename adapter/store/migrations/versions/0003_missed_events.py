"""missed events, requests counted, tickets that cannot be looked at, examinations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("tickets", sa.Column("heard_at", sa.Double(), nullable=True))
    op.add_column("tickets", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tickets", sa.Column("trouble", sa.Text(), nullable=True))
    op.add_column("looks", sa.Column("calls", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "gaps",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("ref", "at", "why"),
    )
    op.create_table(
        "watches",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("watermark", sa.Double(), nullable=False),
        sa.Column("ask_from", sa.Double(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "days",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("calls", "changed", "missed", "ours", "outside")),
        sa.PrimaryKeyConstraint("site", "day"),
    )
    op.create_table(
        "examinations",
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )
