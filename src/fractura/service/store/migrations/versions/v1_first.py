"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(length=64)),
        sa.Column("model", sa.Text),
        sa.Column("decision", sa.Text),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_audit_lines"),
    )
    op.create_index("ix_audit_lines_at", "audit_lines", ["at"])
    op.create_table(
        "images",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_images"),
    )
    op.create_index("ix_images_used_at", "images", ["used_at"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_table(
        "readings",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("is_dicom", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.JSON()),
        sa.Column("error", sa.JSON()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["sha256"], ["images.sha256"], name="fk_readings_sha256"),
        sa.PrimaryKeyConstraint("id", name="pk_readings"),
        sa.UniqueConstraint("sha256", "frame", "model", name="uq_readings_sha256_frame_model"),
    )
    op.create_index("ix_readings_created_at_id", "readings", ["created_at", "id"])
    op.create_index(
        "ix_readings_due_at",
        "readings",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_readings_state_created_at_id", "readings", ["state", "created_at", "id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reading_id", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text),
        sa.ForeignKeyConstraint(["reading_id"], ["readings.id"], name="fk_deliveries_reading_id"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint(
            "sop_instance_uid",
            "model",
            "destination",
            "kind",
            name="uq_deliveries_sop_instance_uid_model_destination_kind",
        ),
    )
    op.create_index("ix_deliveries_reading_id", "deliveries", ["reading_id"])
    op.create_index(
        "ix_deliveries_state_destination_next_try_at",
        "deliveries",
        ["state", "destination", "next_try_at"],
    )
    op.create_table(
        "instances",
        sa.Column("sop_instance_uid", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("study_uid", sa.Text, nullable=False),
        sa.Column("series_uid", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reading_id", sa.String(length=32)),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("destinations", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["readings.id"], name="fk_instances_reading_id"),
        sa.PrimaryKeyConstraint("sop_instance_uid", "model", name="pk_instances"),
    )
    op.create_index("ix_instances_reading_id", "instances", ["reading_id"])
    op.create_table(
        "job_items",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("reading_id", sa.String(length=32)),
        sa.Column("error", sa.JSON()),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_items_job_id"),
        sa.ForeignKeyConstraint(["reading_id"], ["readings.id"], name="fk_job_items_reading_id"),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_job_items"),
    )
    op.create_index("ix_job_items_reading_id", "job_items", ["reading_id"])
    op.create_table(
        "marks",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("reading_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("box", sa.JSON()),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["readings.id"], name="fk_marks_reading_id"),
        sa.PrimaryKeyConstraint("id", name="pk_marks"),
    )
    op.create_index("ix_marks_reading_id", "marks", ["reading_id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "marks",
        "job_items",
        "instances",
        "deliveries",
        "readings",
        "jobs",
        "images",
        "audit_lines",
    ):
        op.drop_table(table)
