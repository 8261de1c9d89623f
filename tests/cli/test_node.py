"""``fractura node``: what it refuses, and its dead letters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy")
pytest.importorskip("pynetdicom")

from fractura.cli.node import app
from fractura.errors import WrongUsageError
from fractura.findings import Reading
from fractura.service.settings import SettingsError, read_settings
from fractura.service.store.deliveries import bury, claim_deliveries
from fractura.service.store.instances import accept_instance
from fractura.service.store.open import close_store, open_store
from fractura.service.store.queue import claim, finish

SETTINGS = """
data = {data!r}
[node]
[[node.destinations]]
name = "pacs"
title = "PACS"
host = "127.0.0.1"
port = 104
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(SETTINGS.format(data=str(tmp_path / "data")), "utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", WrongUsageError),
        ("[node]\nprot = 104", SettingsError),
        ("[node", SettingsError),
        ('[node]\n[[node.rules]]\nto = ["nowhere"]', SettingsError),
    ],
)
def test_settings_that_cannot_be_run_are_refused(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    path = tmp_path / "node.toml"
    path.write_text(text, "utf-8")
    result = CliRunner().invoke(app, ["--config", str(path)])
    assert isinstance(result.exception, error)
    assert "node.toml" in str(result.exception)
    assert isinstance(CliRunner().invoke(app, []).exception, WrongUsageError)


def test_dead_letters_are_listed_and_retried(config: Path) -> None:
    store = open_store(read_settings(config))
    accept_instance(
        store,
        sop_instance_uid="1.2.3",
        study_uid="1.2",
        series_uid="1.2.1",
        sha256=store.images.put(b"image"),
        model="m 1",
        origin="M@127.0.0.1",
        destinations=(("pacs", "sr"), ("pacs", "sc")),
        read=True,
        reason="",
    )
    entry = claim(store, "this", 60)
    assert entry is not None
    reading = Reading(None, entry.sha256, "m 1", 2, 2, 0.1, "no fracture", ())
    assert finish(store, entry, "this", reading)
    for delivery in claim_deliveries(store, "this", 60, 10):
        bury(store, delivery, "no connection")

    run = CliRunner()
    listed = run.invoke(app, ["dead", "--config", str(config)])
    assert listed.exit_code == 0
    for kind in ("sr", "sc"):
        assert f"pacs  {kind:<4}  1.2.3  1 attempts: no connection" in listed.output
    unknown = run.invoke(app, ["retry", "nowhere", "--config", str(config)])
    assert isinstance(unknown.exception, WrongUsageError)
    before = run.invoke(app, ["--config", str(config), "retry", "pacs"])
    assert before.exit_code == 0
    assert "2 results" in before.output
    due = claim_deliveries(store, "this", 60, 10)
    assert {item.kind for item in due} == {"sr", "sc"}
    assert all(item.next_try_at > datetime.now(UTC) for item in due)
    close_store(store)
