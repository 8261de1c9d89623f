"""``fractura data audit``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import write_manifest

SPLITS = ("train", "train", "valid", "test")


@pytest.fixture
def manifest(phantom_pngs):
    return Manifest(
        tuple(
            Record(id=f"a/{path.name}", path=path, source="a", label="no fracture", split=split)
            for path, split in zip(phantom_pngs, SPLITS, strict=True)
        )
    )


def test_clean_split_exits_with_0(fractura, manifest):
    write_manifest(Path("m.parquet"), manifest)
    done = fractura("data", "audit", "m.parquet", "--out", "deep/audit")
    assert done.exit_code == 0, done.output
    assert "LEAK" not in done.output
    assert "ok     Near-duplicates: 0 verified pairs" in done.output
    names = {path.name for path in Path("deep/audit").iterdir()}
    assert names == {
        *("audit.json", "audit.html", "problems.csv", "pairs.csv", "groups.csv", "cache"),
    }


def test_leaking_split_exits_with_1_and_its_groups_mend_it(fractura, manifest):
    first, second, *_ = manifest.records
    copy = Path("copy.png")
    copy.write_bytes(first.path.read_bytes())
    broken = Path("broken.png")
    broken.write_bytes(b"")
    more = (
        replace(first, id="a/copy.png", path=copy, split="test"),
        replace(second, id="a/broken.png", path=broken, sha256=None),
    )
    write_manifest(Path("m.csv"), Manifest((*manifest.records, *more)))
    done = fractura("data", "audit", "m.csv", "--out", "audit")
    assert done.exit_code == 1, done.output
    assert "LEAK   Exact duplicates: 2 files in 1 group" in done.output
    assert "ERROR  Unreadable and truncated files" in done.output
    assert "scores measured on it are not to be trusted" in done.output
    assert json.loads(Path("audit/audit.json").read_text())["leaks"] == 1

    command = ("data", "split", "m.csv", "--out", "s.csv", "--ratios", "50,50")
    split = fractura(*command, "--groups", "audit/groups.csv")
    assert split.exit_code == 0, split.output
    mended = fractura("data", "audit", "s.csv", "--out", "again")
    assert mended.exit_code == 0, mended.output


@pytest.mark.parametrize("name", ["missing.parquet", "broken.parquet", "folder"])
def test_no_manifest_is_wrong_usage(fractura, name):
    Path("folder").mkdir()
    Path("broken.parquet").write_bytes(b"PAR1 but not really")
    done = fractura("data", "audit", name, "--out", "audit")
    assert done.exit_code == 2
    assert name in done.output
    assert "Traceback" not in done.output


def test_out_that_is_a_file_is_wrong_usage(fractura, manifest):
    write_manifest(Path("m.csv"), manifest)
    Path("taken").write_text("")
    assert fractura("data", "audit", "m.csv", "--out", "taken").exit_code == 2
    assert fractura("data", "audit", "m.csv", "--out", "taken/audit").exit_code == 2
