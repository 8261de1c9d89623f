import sys
from pathlib import Path

import pytest

from fractura.batch.input_sources import fetch, find_files
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import write_manifest
from fractura.errors import FracturaError, LoadError
from fractura.findings import Failure


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_manifest_stands_for_its_files(tmp_path, monkeypatch, name):
    pytest.importorskip("pyarrow")
    images = [tmp_path / "images/a, é.png", tmp_path / "b.png"]
    records = [Record(id=str(path), path=path, source="s", label="unknown") for path in images]
    write_manifest(tmp_path / "tables" / name, Manifest(tuple(records)))
    images[1].touch()
    monkeypatch.chdir(tmp_path)
    assert list(find_files([f"tables/{name}", "b.png"])) == [*map(str, images)]


def test_addresses_in_tables_and_folders_of_objects(tmp_path):
    pytest.importorskip("pyarrow")
    names = ("b/1.2.840", "b/x.PNG", "b/.hidden.png", "b/notes.txt", "a.dcm", "DICOMDIR")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    table = tmp_path / "t.csv"
    table.write_text(f"id;path\n1;s3://bucket/key.png\n2;\n3;file://{tmp_path}/a.dcm\n")
    store = f"file://{tmp_path}"
    assert list(find_files([str(table), store])) == [
        "s3://bucket/key.png", f"{store}/a.dcm", f"{store}/b/1.2.840", f"{store}/b/x.PNG",
    ]  # fmt: skip
    assert fetch(f"{store}/b/x.PNG") == b"b/x.PNG"
    with pytest.raises(LoadError, match=r"gone\.png: cannot be opened"):
        fetch(f"{store}/gone.png")
    (missing,) = find_files(["nowhere://bucket/"])
    assert isinstance(missing, Failure)
    assert missing.message.startswith("nowhere://bucket/: cannot be listed")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("content", [b"file\na.png\n", b"\xff\xfe\0", b""])
def test_another_table_is_refused(tmp_path, name, content):
    pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FracturaError, match=name):
        list(find_files([str(tmp_path / name)]))


@pytest.mark.parametrize("more", [(), ("--out", "o", "--json"), ("--out", "o", "--heatmap")])
def test_what_does_not_go_with_ray(fractura, phantom_pngs, more):
    result = fractura("detect", phantom_pngs[0], "--ray", "local", *more)
    assert result.exit_code == 2
    assert "--ray writes into --out DIR" in result.stderr


def test_without_ray_a_sentence_says_what_to_install(fractura, phantom_pngs, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = fractura("detect", phantom_pngs[0], "--ray", "local", "--out", "o")
    assert result.exit_code == 1
    assert result.stderr == 'fractura: --ray needs Ray: pip install "fractura[ray]"\n'
    result = fractura("detect", "gone.png", "--ray", "local", "--out", "p")
    assert result.exit_code == 2
    assert "there is nothing to read: gone.png" in result.stderr
    assert not Path("p").exists()
