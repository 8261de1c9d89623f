"""Reading with Ray: started once for the file, since that takes seconds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fractura.batch.ray import BatchItem, cluster, read_with_ray, settings_for
from fractura.cli import app
from fractura.findings import Reading
from fractura.reading.reader import Reader

pytest.importorskip("ray", reason='Ray is not installed: pip install "fractura[ray]"')


@pytest.fixture(scope="module")
def workers():
    with cluster("local", 2) as count:
        yield count


def _without_times(text):
    readings = [{**json.loads(line), "milliseconds": None} for line in text.splitlines()]
    return sorted(readings, key=lambda reading: reading["path"])


def test_the_command_says_the_same_as_without_ray(workers, phantom_pngs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, store = Path("study/ward 3"), tmp_path / "store"
    study.mkdir(parents=True)
    for number, path in enumerate(phantom_pngs):
        shutil.copy(path, study / f"Hüfte {number}.png")
    (study / os.fsdecode(b"not unicode \xe9.png")).write_text("no picture")
    (study / "empty.jpg").touch()
    (store / "deeper").mkdir(parents=True)
    shutil.copy(phantom_pngs[0], store / "deeper/a.png")
    Path("list.csv").write_text(f"path\n{phantom_pngs[1]}\n")

    def run(*arguments):
        result = CliRunner().invoke(app, ["detect", *map(str, arguments)])
        assert result.exit_code == 1
        return result.stdout

    inputs = ("study", "gone.png")
    plain = run(*inputs, phantom_pngs[1], store, "--json", "--workers", 2, "--all-findings")
    said = run(
        *(*inputs, "list.csv", f"file://{store}", "study/ward 3/empty.jpg"),
        *("--ray", "local", "--out", "out", "--all-findings"),
    )
    assert "9 files" in said
    assert "3 failed" in said
    (shard,) = Path("out").glob("readings-*.jsonl")
    assert _without_times(shard.read_text().replace("file://", "")) == _without_times(plain)
    summary = json.loads(Path("out/summary.json").read_text())
    assert (summary["finished"], summary["files"], summary["failed"]) == (True, 9, 3)


def test_a_killed_worker_costs_no_other_file(workers, phantom_pngs, tmp_path):
    deaths = tmp_path / "deaths"
    read = [Reader(threads=1).read_file(path) for path in phantom_pngs]

    def fetch(address):
        if address == "test://deadly":
            with deaths.open("a") as file:
                file.write("dead\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return b"no picture"

    held = BatchItem(
        str(phantom_pngs[0]), sha256(phantom_pngs[0].read_bytes()).hexdigest(), "fracture"
    )
    changed = BatchItem(str(phantom_pngs[1]), "0" * 64, "uncertain")
    others = [BatchItem(f"test://{number}") for number in range(30)]
    entries = [held, changed, BatchItem("test://deadly"), BatchItem(str(phantom_pngs[2])), *others]
    settings = settings_for("fractura-s", frame=None, all_findings=False)
    answers = list(read_with_ray(entries, settings, workers, fetch=fetch))
    assert max(answer.files for answer in answers) == 3  # so that the deadly file has company
    lines = [json.loads(line) for answer in answers for line in answer.lines.splitlines()]
    found = {line["path"]: line for line in lines}
    assert len(lines) == len(found) == 33
    assert sum(answer.held["fracture"] for answer in answers) == 1
    assert [entry for answer in answers for entry in answer.replaced] == [changed]
    for number in (1, 2):
        expected = Reading.from_dict(read[number].as_dict())
        assert Reading.from_dict(found[str(phantom_pngs[number])]) == expected
    assert {found[entry.path]["error"]["type"] for entry in others} == {"UnsupportedFileError"}
    assert found["test://deadly"]["error"]["type"] == "WorkerDiedError"
    assert deaths.read_text() == "dead\n" * 2


def test_an_address_where_nothing_answers_is_one_sentence_at_once(phantom_pngs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address, out = f"127.0.0.1:{port}", tmp_path / "out"
    arguments = ["detect", "--ray", address, str(phantom_pngs[0]), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "nothing answers there" in result.stderr
    assert result.stderr.count("\n") == 1
