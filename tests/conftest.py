"""What several test files share."""

import os

# The tests run in one process a processor core; more threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import settings
from typer.testing import CliRunner

import fractura as package
from fractura.cli import app
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit

settings.register_profile("fractura", deadline=None)
settings.load_profile("fractura")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real radiographs, which a clone alone does not have."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real radiographs (../shared/data) are not here")
    return folder


@pytest.fixture(scope="session")
def phantom_pngs(tmp_path_factory):
    """Four synthetic radiographs as 16-bit PNG files."""
    folder = tmp_path_factory.mktemp("phantoms")
    paths = [folder / f"phantom-{seed}.png" for seed in range(4)]
    for seed, path in enumerate(paths):
        save_png(path, to_16_bit(make_phantom(seed, width=200, height=240).radiograph.pixels))
    return paths


@pytest.fixture(scope="session")
def command_environment():
    """Environment in which ``python -m fractura.cli`` finds this package in a new process."""
    return {**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[1])}


@pytest.fixture
def fractura(tmp_path, monkeypatch):
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(app, list(map(str, arguments)))

    return run
