"""What several test files share."""

import os

# The tests run in one process a processor core; more threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from importlib.util import find_spec
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


TESTS = Path(__file__).parent
FOLDERS = {
    "training": ("torch", "slow"),
    "models": ("torch", "slow"),
    "service/page": ("browser", "slow"),
    "service": ("slow",),
    "datasets/audit": ("slow",),
    "dicom/network": ("slow",),
    "evaluation/stress": ("slow",),
    "evaluation/report": ("slow",),
}
"""Marks of every test below a folder."""
FILES = {
    **dict.fromkeys(("cli/test_train.py", "cli/test_export.py", "test_examples.py"), "torch"),
    "reading/test_kinds.py": "torch",
    "dicom/network/test_orthanc.py": "peers",
    "dicom/network/test_send.py": "peers",
    "service/test_orthanc.py": "peers",
    "service/test_postgres.py": "peers",
    **dict.fromkeys(
        (
            "test_docs.py",
            "cli/test_calibrate.py",
            "cli/test_data_stats.py",
            "cli/test_dicom.py",
            "cli/test_evaluate.py",
            "cli/test_process.py",
            "datasets/sources/test_yolo.py",
            "datasets/test_build.py",
            "datasets/test_report.py",
            "datasets/test_split.py",
            "evaluation/metrics/test_image.py",
            "imaging/test_enhance.py",
            "imaging/test_phantom.py",
            "ood/test_detector.py",
            "batch/test_ray.py",
            "reading/test_reader.py",
        ),
        "slow",
    ),
}
PEERS = {"orthanc", "postgres", "peer"}
WITHOUT_TORCH = find_spec("torch") is None
collect_ignore = (
    ["training", "models", *(name for name, mark in FILES.items() if mark == "torch")]
    if WITHOUT_TORCH
    else []
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by where they stand and by what they ask for."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        marks = {
            mark for folder, own in FOLDERS.items() if place.startswith(folder) for mark in own
        }
        if place in FILES:
            marks |= {FILES[place], "slow"}
        asked = set(getattr(item, "fixturenames", ()))
        if "shared_data" in asked:
            marks.add("shared_data")
        if asked & PEERS:
            marks.add("peers")
        for mark in marks:
            item.add_marker(mark)


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
