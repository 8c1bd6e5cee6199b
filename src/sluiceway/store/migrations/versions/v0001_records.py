"""Records, captured bodies, and sums per day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From an empty database."""
    _records()
    _captures()
    _usage_daily()


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("dialect", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("upstream", sa.Text),
        sa.Column("upstream_model", sa.Text),
        sa.Column("translated_to", sa.Text),
        sa.Column("dropped", sa.Text),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.Column("status", sa.BigInteger, nullable=False),
        sa.Column("upstream_status", sa.BigInteger),
        sa.Column("upstream_request_id", sa.Text),
        sa.Column("committed_by", sa.Text),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("finish_reason", sa.Text),
        sa.Column("client_left", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Text),
        sa.Column("retries", sa.BigInteger, nullable=False),
        sa.Column("hedged", sa.Boolean, nullable=False),
        sa.Column("continued", sa.BigInteger, nullable=False),
        sa.Column("queued_ms", sa.Double, nullable=False),
        sa.Column("connect_ms", sa.Double),
        sa.Column("head_ms", sa.Double),
        sa.Column("first_event_ms", sa.Double),
        sa.Column("first_content_ms", sa.Double),
        sa.Column("last_event_ms", sa.Double),
        sa.Column("duration_ms", sa.Double, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("largest_gap_ms", sa.Double),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("heartbeats", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("total_tokens", sa.BigInteger),
        sa.Column("cached_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("image_tokens", sa.BigInteger),
        sa.Column("usage_estimated", sa.Boolean, nullable=False),
        sa.Column("cost", sa.Double),
        sa.Column("traceparent", sa.Text),
    )
    op.create_index("records_started", "records", ["started", "request_id"])
    for column in ("key", "model", "upstream", "outcome"):
        op.create_index(f"records_{column}", "records", [column, "started"])


def _captures() -> None:
    op.create_table(
        "captures",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("request_size", sa.BigInteger, nullable=False),
        sa.Column("response_size", sa.BigInteger, nullable=False),
        sa.Column("response_type", sa.Text, nullable=False),
        sa.Column("timing", sa.Text, nullable=False),
        sa.Column("redacted", sa.BigInteger, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary, nullable=False),
    )
    op.create_index("captures_started", "captures", ["started", "request_id", "size"])


def _usage_daily() -> None:
    op.create_table(
        "usage_daily",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("upstream", sa.Text, primary_key=True),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("total_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger, nullable=False),
        sa.Column("image_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.BigInteger, nullable=False),
        sa.Column("estimated_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_output_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated_total_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.Double, nullable=False),
        sa.Column("duration_ms", sa.Double, nullable=False),
        sa.Column("first_events", sa.BigInteger, nullable=False),
        sa.Column("first_event_ms", sa.Double, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
    )
