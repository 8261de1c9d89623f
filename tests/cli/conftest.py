"""What the tests of the commands share."""

import pytest
from typer.testing import CliRunner

from fractura.cli import app


@pytest.fixture
def fractura(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)))

    return run
