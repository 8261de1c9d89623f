"""Pages: well-formed, self-contained, escaped, and the pictures in them the ones given."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from fractura.datasets.audit.result import Audit, AuditProblem, Check
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Annotation, Record
from fractura.datasets.report import audit, audit_page, stats_page
from fractura.datasets.report.charts import draw_figures
from fractura.datasets.report.contact_sheet import draw_contact_sheet, sample
from fractura.datasets.report.table import Table, cross_table, tables_of
from fractura.datasets.stats import statistics
from fractura.findings import Box
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.text import printable

HOSTILE = "x/<script>alert('1')</script>\"&\u202egnp.\udcff\x00{{ 7*7 }}"
VOID = {"meta", "img", "br", "input", "link", "hr", "rect"}


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def all(self, tag, **having):
        found = [attrs for name, attrs in self.tags if name == tag]
        return [attrs for attrs in found if all(attrs.get(k) == v for k, v in having.items())]


def check_page(html):
    """The rules of every page, and the parsed page."""
    html.encode("utf-8")
    page = Page(html)
    for _, attrs in page.tags:
        for name in ("src", "href", "action", "data", "srcset"):
            assert not attrs.get(name) or attrs[name].startswith(("data:image/", "#"))
        assert not any(name.startswith("on") for name in attrs)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"][1:] for attrs in page.all("a")}
    assert links <= set(ids)
    assert all(attrs["alt"] for attrs in page.all("img"))
    assert len(page.all("h1")) == html.partition("</head>")[0].count("<title>") == 1
    assert page.all("html", lang="en")
    assert page.all("meta", name="viewport")
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == len(page.all("script")) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"'sha256-{digest}'" in policy
    return page


def decoded(uri):
    kind, data = uri.split(";base64,")
    assert kind == "data:image/jpeg"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.fixture(scope="module")
def pictures():
    """Four small phantoms as an audit's thumbnails."""
    pixels = [make_phantom(seed, width=120, height=160).radiograph.pixels for seed in range(4)]
    return {f"s/{n}": np.rint(image * 255).astype(np.uint8) for n, image in enumerate(pixels)}


@pytest.fixture
def records():
    boxes = (
        Annotation("fracture", Box(10, 20, 30, 50)),
        Annotation("<i>metal", Box(40, 50, 35, 45)),
    )
    first = Record(
        id="s/0",
        path=Path("0.png"),
        source="s",
        label="fracture",
        split="train",
        width=240,
        height=320,
        annotations=boxes,
        notes=("<b>note",),
    )
    others = [
        Record(id=f"s/{n}", path=Path(f"{n}.png"), source="s", label="no fracture", split="test")
        for n in (1, 2, 3)
    ]
    hostile = Record(id=HOSTILE, path=Path(HOSTILE), source="<s>", label="unknown")
    return {record.id: record for record in (first, *others, hostile)}


def make_audit(*checks, **options):
    values = {
        "manifest": "folder/m.parquet",
        "content_hash": "ab" * 32,
        "records": 5,
        "checks": checks,
        "groups": {},
        "settings": {"model": "fractura-s 1", "thresholds": {"near": 0.97}},
        "seconds": {"decode": 1.5},
    }
    return Audit(**{**values, **options})


def check_of(*problems, title="Near-duplicates", **options):
    return Check("near", title, "What was done.", "1 pair.", problems, **options)


LEAK = AuditProblem(
    "leak", "2 pictures show one exposure.", ("s/0", "s/1"), {"similarity": 0.99312}
)


def test_the_pictures_in_the_page_are_those_given(records, pictures):
    html = audit_page(make_audit(check_of(LEAK)), records, pictures.get)
    images = check_page(html).all("img")
    assert [image["alt"] for image in images] == [
        "Radiograph s/0, 2 boxes marked",
        "Radiograph s/1",
    ]
    for image, name in zip(images, LEAK.records, strict=True):
        found = decoded(image["src"])
        assert found.shape == pictures[name].shape == (int(image["height"]), int(image["width"]))
        assert np.abs(found.astype(int) - pictures[name]).mean() < 2.5


def test_boxes_are_drawn_in_source_pixels_and_only_on_their_own_picture(records, pictures):
    page = check_page(audit_page(make_audit(check_of(LEAK)), records, pictures.get))
    assert [box["viewbox"] for box in page.all("svg")] == ["0 0 240 320"]
    first, second = page.all("rect")
    assert first == {"x": "10", "y": "20", "width": "20", "height": "30"}
    assert second == {"x": "35", "y": "45", "width": "5", "height": "5", "class": "other"}
    sideways = {**pictures, "s/0": pictures["s/0"].T.copy()}
    assert not check_page(audit_page(make_audit(check_of(LEAK)), records, sideways.get)).all("rect")


def test_hostile_text_stays_text(records, pictures):
    problem = AuditProblem("error", HOSTILE, (HOSTILE, "s/0"), {HOSTILE: [HOSTILE, {"a": HOSTILE}]})
    check = check_of(
        problem,
        title=HOSTILE,
        figures={HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE}], "by": {HOSTILE: {"n": 1}}},
    )
    settings = {HOSTILE: HOSTILE}
    html = audit_page(
        make_audit(check, manifest=HOSTILE, settings=settings),
        records,
        {**pictures, HOSTILE: pictures["s/1"]}.get,
    )
    page = check_page(html)
    assert not page.all("i")
    assert not page.all("b")
    assert "49" not in re.sub(r"base64,[^\"]+|sha256-[^']+", "", html)
    for part in ("<script>alert('1')</script>\"&\\u202egnp.\\udcff\\x00{{ 7*7 }}", "<b>note"):
        assert part in page.text
    assert printable(HOSTILE) in {image["alt"].split("Radiograph ")[1] for image in page.all("img")}


def test_an_image_without_picture_or_record_is_named(records):
    problem = AuditProblem("error", "Unreadable.", ("s/2", "not/listed"))
    page = check_page(audit_page(make_audit(check_of(problem)), records, lambda name: None))
    assert page.text.count("no picture") == 2
    assert "not/listed" in page.text
    assert "not in the manifest" in page.text
    assert not page.all("img")


def test_long_lists_are_cut_and_say_so(records, pictures):
    many = [replace(LEAK, sentence=f"Problem {n}.") for n in range(audit.PROBLEMS_SHOWN + 7)]
    crowd = AuditProblem("note", "A crowd.", tuple(f"s/{n % 4}" for n in range(15)))
    rows = [{"n": n} for n in range(audit.ROWS_SHOWN + 5)]
    page = check_page(
        audit_page(
            make_audit(check_of(*many), check_of(crowd, figures={"rows": rows})),
            records,
            pictures.get,
        )
    )
    assert "7 more are in problems.csv." in page.text
    assert f"Problem {audit.PROBLEMS_SHOWN - 1}." in page.text
    assert f"Problem {audit.PROBLEMS_SHOWN}." not in page.text
    assert "3 more images of this problem" in page.text
    assert "5 more rows are in audit.json." in page.text
    assert len(page.all("img")) == 2 * audit.PROBLEMS_SHOWN + audit.PICTURES_SHOWN


def test_the_page_stays_small_however_much_is_wrong(records, monkeypatch):
    monkeypatch.setattr(audit, "PICTURE_BYTES", 400_000)
    noise = np.random.default_rng(0).integers(0, 256, (192, 192), dtype=np.uint8)
    crowd = AuditProblem("leak", "A crowd.", ("s/1",) * 12)
    checks = [check_of(*[crowd] * 30, title=f"Check {n}") for n in range(3)]
    html = audit_page(make_audit(*checks, check_of()), records, lambda name: noise)
    page = check_page(html)
    pictures = [image["src"] for image in page.all("img")]
    assert len(html) < 400_000 + 3 * len(pictures[0]) + 500 * 3 * 30 * 12
    assert "left out to keep the page small" in page.text
    assert len(pictures) % 3 == 0, "every check has its share"


@pytest.mark.parametrize(
    ("checks", "split", "sentence"),
    [
        ([check_of(LEAK)], "test", "This split leaks: 1 problem in “Near-duplicates”."),
        ([check_of()], "test", "No leak was found between train and test."),
        ([check_of()], "train", "The images are not split, so nothing can leak."),
        (
            [check_of(AuditProblem("error", "Bad.", ()))],
            "test",
            "1 check found errors in the data.",
        ),
        (
            [check_of(AuditProblem("warning", "?", ()))],
            "test",
            "1 check found something to look at.",
        ),
        ([], "test", "No leak was found between train and test."),
    ],
)
def test_the_verdict_stands_on_top(records, checks, split, sentence):
    some = {name: replace(record, split=split) for name, record in records.items()}
    some["s/0"] = records["s/0"]
    page = check_page(audit_page(make_audit(*checks), some, lambda name: None))
    assert sentence in page.text.split("Checks")[0]


def test_folds_are_a_split_too(records):
    some = {n: replace(r, split=None, fold=k % 3) for k, (n, r) in enumerate(records.items())}
    html = audit_page(make_audit(check_of()), some, lambda name: None)
    assert "No leak was found between 3 folds." in html


def test_numbers_of_any_shape_become_tables():
    tables = tables_of(
        {
            "pairs": 3,
            "rate": 0.123456,
            "by_split": {"train": 2, "test": None},
            "cells": {"a": {"x": 1}, "b": {"y": True}},
            "models": [{"sees": "size", "auroc": 0.5}, {"sees": "all", "range": [0.25, 0.5]}],
            "matrix": [[1, 2], [3]],
            "empty": {},
        }
    )
    assert tables == [
        Table("Figures", ("", "value"), (("pairs", 3), ("rate", 0.123456), ("empty", "none"))),
        Table("By split", ("", "value"), (("train", 2), ("test", None))),
        Table("Cells", ("", "x", "y"), (("a", 1, None), ("b", None, True))),
        Table(
            "Models",
            ("sees", "auroc", "range"),
            (("size", 0.5, None), ("all", None, "0.25, 0.5")),
        ),
        Table("Matrix", ("1", "2"), ((1, 2), (3, None))),
    ]
    crossed = cross_table("T", "split", {"train": {"x": 1}, "test": {"y": 2}}, ("x", "y"))
    assert crossed.rows == (("train", 1, 0, 1), ("test", 0, 2, 2))
    assert crossed.sums == ("all", 1, 2, 3)


@pytest.fixture
def manifest(tmp_path):
    """Eight phantoms on disk, one of them damaged, with ages and hostile words."""
    records = []
    for seed in range(8):
        phantom = make_phantom(seed, width=96, height=128)
        path = tmp_path / f"{seed}.png"
        save_png(path, to_16_bit(phantom.radiograph.pixels))
        if seed == 7:
            path.write_bytes(b"no picture")
        records.append(
            Record(
                id=f"p/{seed}",
                path=path,
                source="$x^{$ <b>",
                label="fracture" if phantom.boxes else "no fracture",
                regions=(phantom.region,) if seed % 2 else ("手 $\\frac{", "\x00\n"),
                age=10.0 * seed,
                width=96,
                height=128,
                annotations=tuple(Annotation("fracture", box) for box in phantom.boxes),
            )
        )
    return Manifest(tuple(records))


def test_statistics_page_and_figures(manifest, recwarn):
    stats = statistics(manifest)
    sheet = draw_contact_sheet(manifest)
    figures = [*draw_figures(stats), sheet]
    assert [figure.name for figure in figures] == [
        "composition",
        "image-sizes",
        "box-sizes",
        "ages",
        "contact-sheet",
    ]
    for figure in figures:
        image = cv2.imdecode(np.frombuffer(figure.png(), np.uint8), cv2.IMREAD_COLOR)
        assert image.std() > 10
    assert "1 of them could not be read" in sheet.description
    page = check_page(stats_page(stats, figures))
    assert len(page.all("img")) == 5
    assert not page.all("b")
    svg = base64.b64decode(page.all("img")[0]["src"].split(",")[1]).decode()
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_figures_and_sample_are_the_same_each_time(manifest):
    shuffled = Manifest(manifest.records[::-1])
    assert sample(manifest) == sample(shuffled)
    first, second = (draw_figures(statistics(content)) for content in (manifest, shuffled))
    assert [figure.uri for figure in first] == [figure.uri for figure in second]


@pytest.mark.parametrize("count", [0, 1])
def test_statistics_of_nothing_and_of_records_that_say_nothing(count):
    records = [
        Record(id=str(n), path=Path("none.png"), source="s", label="abnormal") for n in range(count)
    ]
    content = Manifest(tuple(records))
    sheet = draw_contact_sheet(content)
    figures = draw_figures(statistics(content))
    assert [figure.name for figure in figures] == ["composition"][:count]
    page = check_page(stats_page(statistics(content), [*figures, *([sheet] if sheet else [])]))
    assert ("counted apart" in page.text) == bool(count)
    check_page(audit_page(make_audit(records=count), {}, lambda name: None))
