"""``fractura data build`` and ``fractura data sources``: what a person types and reads."""

import subprocess
import sys

import pytest

from fractura.datasets.record import Record
from fractura.datasets.sources import SOURCES
from fractura.datasets.sources.source import Source, SourceError
from fractura.datasets.storage import read_manifest


@pytest.fixture
def lists(tmp_path, monkeypatch, phantom_pngs):
    """A general kind of data set, ``lists``: ``list.txt`` names a file and its label a line.

    ``published`` is the same with an address and a licence. ``ward/`` is such a folder.
    """

    def read(folder, options):
        if not (folder / "list.txt").exists():
            kind = published if options.name == "published" else general
            raise kind.missing(folder / "list.txt")
        for line in (folder / "list.txt").read_text("utf-8").splitlines():
            name, label = line.split("=")
            yield Record(
                id=f"{options.name}/{name}",
                path=folder / name,
                source=options.name,
                label=options.labels.get(label, label),
                extra=dict(options.columns),
            )

    general = Source("lists", "Lists of files", "", None, "", "list.txt", read)
    published = Source(
        "published", "Lists (Who 2001)", "https://lists", "CC0", "1 GB", "list.txt", read
    )
    monkeypatch.setitem(SOURCES, "lists", general)
    monkeypatch.setitem(SOURCES, "published", published)
    folder = tmp_path / "ward"
    folder.mkdir()
    for number, path in enumerate(phantom_pngs):
        (folder / f"{number}.png").write_bytes(path.read_bytes())
    (folder / "list.txt").write_text("0.png=normal\n1.png=fracture\n2.png=normal\n", "utf-8")
    return folder


def test_a_good_build(fractura, lists, tmp_path):
    result = fractura("data", "build", "lists", "ward", "--out", "new/m.parquet")
    manifest = read_manifest(tmp_path / "new" / "m.parquet")
    assert result.stdout.splitlines() == [
        "lists: read 3, kept 3, dropped 0",
        "3 radiographs: 2 normal, 1 fracture.",
        f"Written to new/m.parquet, content hash {manifest.content_hash}.",
    ]
    assert (result.exit_code, result.stderr) == (0, "")
    assert [record.path for record in manifest.records] == [
        lists / f"{number}.png" for number in range(3)
    ]
    assert {(record.width, record.height, record.bits) for record in manifest.records} == {
        (200, 240, 16)
    }


def test_a_build_with_losses_and_abnormal_images(fractura, lists):
    (lists / "list.txt").write_text("0.png=positive\n1.png=fracture\ngone.png=normal\n", "utf-8")
    (lists / "1.png").write_bytes(b"")
    result = fractura(
        "data", "build", "lists", "ward", "--out", "m.csv", "--labels", "positive=abnormal"
    )
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "lists: read 3, kept 1, dropped 2 because: files are empty (1), files are missing (1)",
        "1 radiograph: 1 abnormal.",
        "1 radiographs are labelled abnormal, which is not fracture: they may show arthrosis, "
        "metal or anything else, and no fracture at all.",
    ]
    assert lines[4] == "What was dropped, and why: m.dropped.csv."


def test_options_stand_once_or_once_for_each_source(fractura, lists, tmp_path):
    result = fractura(
        *("data", "build", "lists", "ward", "published", "ward", "--out", "m.csv"),
        *("--name", "a", "--name", "b", "--licence", "internal", "--columns", "path=file name"),
        *("--columns", '"age=age, in years",sex = s', "--labels", "a=b=normal"),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    manifest = read_manifest(tmp_path / "m.csv")
    first, last = manifest.records[0], manifest.records[-1]
    assert (first.id, first.licence, first.extra) == ("a/0.png", "internal", {"path": "file name"})
    assert (last.id, last.licence) == ("b/2.png", "CC0")
    assert last.extra == {"age": "age, in years", "sex": "s"}
    assert [intake.licence for intake in manifest.intakes] == ["internal", "CC0"]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("list", "ward"), 2, "there is no source 'list'; did you mean 'lists'? There are: mura"),
        (("nothing-like-it", "ward"), 2, "there is no source 'nothing-like-it'; there are: mura"),
        (("lists", "nowhere"), 2, "nowhere: there is no such folder"),
        (("lists", "ward", "lists"), 2, "'lists' stands alone; give a source and its folder in "),
        (("lists", "ward", "--out", "m.txt"), 2, "m.txt: a manifest's name ends in .parquet or "),
        (("lists", "ward", "--labels", "x"), 2, "--labels: 'x' has not the form word=label"),
        (("lists", "ward", "--labels", "x=frakture"), 2, "no label 'frakture'; did you mean 'frac"),
        (("lists", "ward", "--labels", "x=normal,x=normal"), 2, "--labels: 'x' stands twice"),
        (("lists", "ward", "--columns", "age=a, in years"), 2, "--columns: 'in years' has not the"),
        (("lists", "ward", "--columns", "alter=age"), 2, "--columns: there is no field 'alter'"),
        (("lists", "ward", "--name", "a", "--name", "b"), 2, "--name stands 2 times for 1 sources"),
        (("lists", "ward", "lists", "ward"), 2, "several data sets have the name 'lists'; give ea"),
        (("lists", "."), 1, "list.txt is missing: lists needs list.txt"),
        (("published", "."), 1, "needs list.txt; get it from https://lists (CC0, 1 GB)"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(fractura, lists, arguments, status, complaint):
    out = () if "--out" in arguments else ("--out", "m.csv")
    result = fractura("data", "build", *arguments, *out)
    assert (result.exit_code, result.stdout) == (status, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("fractura: ")
    assert complaint in line
    assert [path.name for path in lists.parent.iterdir()] == ["ward"]


def test_wrong_options_and_debug(fractura, lists):
    assert fractura("data", "build", "lists", "ward").exit_code == 2
    assert fractura("data", "bild").exit_code == 2
    result = fractura("--debug", "data", "build", "lists", ".", "--out", "m.csv")
    assert isinstance(result.exception, SourceError)


def test_sources_say_where_to_get_them(fractura, lists):
    result = fractura("data", "sources")
    assert result.exit_code == 0
    for source in SOURCES.values():
        assert source.title in result.stdout
    result = fractura("data", "sources", "published")
    assert result.stdout.splitlines() == [
        "published",
        "  what      Lists (Who 2001)",
        "  address   https://lists",
        "  licence   CC0",
        "  size      1 GB",
        "  needs     list.txt",
        "  read it   fractura data build published DIR --out m.parquet",
    ]
    assert fractura("data", "sources", "nothing").exit_code == 2


def test_every_source_has_its_name():
    assert list(SOURCES) == [
        "mura", "grazpedwri", "fracatlas", "kaggle-multi-region", "bone-break", "hbfmid",
        "roboflow", "class-folders", "yolo", "coco", "voc", "rsna", "table", "dicom",
    ]  # fmt: skip
    assert all(name == source.name for name, source in SOURCES.items())


def test_help_loads_nothing_heavy(command_environment):
    script = """
import sys
from fractura.cli import main
sys.argv = ["fractura", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"cv2", "onnxruntime", "pydicom", "PIL", "pyarrow", "sklearn", "scipy", "matplotlib"}
    assert not heavy & set(sys.modules), heavy & set(sys.modules)
    assert "fractura.datasets" not in sys.modules
"""
    for arguments in (["--help"], ["data", "--help"], ["data", "build", "--help"]):
        result = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=command_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
