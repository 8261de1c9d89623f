"""The notebooks run from the first cell to the last."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="running notebooks needs nbclient")
pytest.importorskip("ipykernel", reason="running notebooks needs ipykernel")
pytest.importorskip("lightning", reason="the notebook trains, which needs fractura[train]")

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "train_and_compare.ipynb"
MODELS = ("custom-cnn", "resnet18")
SECONDS_A_CELL = 900


@pytest.fixture(scope="module")
def executed(tmp_path_factory, command_environment):
    """The notebook after its run, and its folder. The kernel is this interpreter."""
    folder = tmp_path_factory.mktemp("notebook")
    kernel = folder / "kernels" / "fractura-test"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": command, "display_name": "test", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(specification), encoding="utf-8")
    specs = KernelSpecManager(kernel_dirs=[str(kernel.parent)], ensure_native_kernel=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        km=AsyncKernelManager(kernel_name="fractura-test", kernel_spec_manager=specs),
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**command_environment, "OMP_NUM_THREADS": "1"})
    return notebook, folder / "train-and-compare"


def text_of(cell) -> str:
    """Everything that a cell printed or displayed as text."""
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        parts.append(output.get("text") or data.get("text/markdown") or data.get("text/plain", ""))
    return "".join(parts)


def test_it_is_stored_without_outputs_and_machine_paths() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    sources = "\n".join(cell.source for cell in notebook.cells)
    assert not any(root in sources for root in ("/home/", "/root/", "/tmp/", "/Users/", "C:\\"))


def test_every_cell_ran(executed) -> None:
    notebook, _ = executed
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_the_audit_finds_the_planted_copies_and_the_new_split_keeps_them_together(executed) -> None:
    notebook, folder = executed
    from fractura.datasets.storage import read_manifest

    (audit,) = (cell for cell in notebook.cells if "import audit" in cell.source)
    assert "4 across splits" in text_of(audit)
    groups: dict[str, set[str]] = {}
    for record in read_manifest(folder / "split.parquet").records:
        groups.setdefault(record.group, set()).add(record.split)
    assert all(len(splits) == 1 for splits in groups.values())


def test_the_comparison_names_the_models_and_the_export_agrees_with_torch(executed) -> None:
    notebook, folder = executed
    (compared,) = (cell for cell in notebook.cells if "write_comparison(" in cell.source)
    assert all(model in text_of(compared) for model in MODELS)
    for name in ("comparison.html", "comparison.csv", "comparison.md"):
        assert (folder / "comparison" / name).is_file()
    (answered,) = (cell for cell in notebook.cells if "classifier.classify" in cell.source)
    shares = [float(line.split()[-1]) for line in text_of(answered).splitlines() if "  " in line]
    assert sum(shares) == pytest.approx(1, abs=0.011)
