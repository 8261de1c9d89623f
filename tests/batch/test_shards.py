import json
from hashlib import sha256

import pytest

from fractura.batch.ray import BatchItem, BatchSettings, answer
from fractura.batch.shards import Shards
from fractura.errors import InUseError, WrongUsageError
from fractura.findings import Failure, Reading

SETTINGS = BatchSettings("1", "model", "0" * 64, None, False)
STRANGE = "dir/wei\nrd é \udce9.png"


def _reading(path, content=b"pixels", decision="fracture"):
    return Reading(path, sha256(content).hexdigest(), "stub 1", 5, 6, 0.5, decision, ())


def _add(shards, *outcomes):
    for outcome in outcomes:
        shards.add(answer([(shards.entry(outcome.path), outcome)]))


def _lines(folder):
    shards = sorted(folder.glob("readings-*.jsonl"))
    return [json.loads(line) for shard in shards for line in shard.open()]


def _summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_a_run_goes_on_where_another_ended(tmp_path):
    with Shards(tmp_path, SETTINGS, lines_a_shard=2) as shards:
        assert shards.entry(STRANGE) == BatchItem(STRANGE)
        _add(shards, _reading(STRANGE), _reading("b"), Failure("c", "LoadError", "no"))
    with Shards(tmp_path, SETTINGS, lines_a_shard=2) as shards:
        digest = sha256(b"pixels").hexdigest()
        assert shards.entry(STRANGE) == BatchItem(STRANGE, digest, "fracture")
        assert shards.entry("c") == BatchItem("c", None, "failed")
        _add(shards, _reading("b", b"other", "uncertain"), _reading("c"), _reading("d"))
    assert [line["path"] for line in _lines(tmp_path)] == [STRANGE, "b", "c", "d"]
    summary = _summary(tmp_path)
    assert summary["shards"] == [f"readings-0000{number}.jsonl" for number in (1, 2, 3)]
    assert [summary[name] for name in ("files", "fracture", "uncertain", "failed")] == [4, 3, 1, 0]
    assert summary["last_run"]["read"] == 3


@pytest.mark.parametrize("cut", [1, 30])
def test_what_a_kill_tore_is_mended(tmp_path, cut):
    with Shards(tmp_path, SETTINGS) as shards:
        _add(shards, _reading("a"), _reading("b"), _reading("a", b"new"), _reading("c"))
        shard = tmp_path / "readings-00001.jsonl"
        torn = shard.read_bytes()[:-cut]
        assert not _summary(tmp_path)["finished"]
    shard.write_bytes(torn)
    (tmp_path / ".0123.part").touch()
    with Shards(tmp_path, SETTINGS) as shards:
        assert shards.entry("c") == BatchItem("c")
        assert shards.entry("a").sha256 == sha256(b"new").hexdigest()
    assert [line["path"] for line in _lines(tmp_path)] == ["b", "a"]
    assert _summary(tmp_path)["files"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock",
        "readings-00001.jsonl",
        "summary.json",
    }


def test_other_folders_are_left_alone(tmp_path):
    with Shards(tmp_path / "a", SETTINGS) as shards:
        _add(shards, _reading("a"))
        with pytest.raises(InUseError):
            Shards(tmp_path / "a", SETTINGS)
    with pytest.raises(WrongUsageError, match="another model"):
        Shards(tmp_path / "a", BatchSettings("1", "model", "1" * 64, None, False))
    (tmp_path / "b").mkdir()
    (tmp_path / "b/readings.jsonl").touch()
    with pytest.raises(WrongUsageError, match="other results"):
        Shards(tmp_path / "b", SETTINGS)
    shard = tmp_path / "a/readings-00001.jsonl"
    shard.write_text("[1]\n")
    with pytest.raises(WrongUsageError, match="line 1, is no reading"):
        Shards(tmp_path / "a", SETTINGS)
    assert shard.read_text() == "[1]\n"
