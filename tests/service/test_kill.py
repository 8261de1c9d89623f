"""A node that is killed again and again loses nothing and does nothing twice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("pynetdicom")

from tests.service.kills import Forked, campaign


def test_kills_lose_nothing(tmp_path: Path) -> None:
    spawn = partial(Forked, lease_seconds=3.0)
    outcome = campaign(tmp_path, spawn, kills=5, each=4, seed=0)
    assert outcome.is_whole, outcome
    assert outcome.log_lines > 20
