"""The page, the card and the checklists of a made-up scorecard with every section."""

from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fractura.errors import FracturaError
from fractura.evaluation.report.checklist_items import CLAIM_2024, STARD_AI
from fractura.evaluation.report.checklists import AUTHORS
from fractura.evaluation.report.page import SECTIONS, sections_of, write_report
from fractura.evaluation.report.statements import FACTS
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import figure_cell, in_words, markdown, number, title_of
from fractura.evaluation.report.training import read_metrics
from fractura.evaluation.scorecard_file import read_scorecard, scorecard_from
from fractura.imaging.save import save_png
from tests.evaluation.report.example import SPLIT, draw_gallery, example

ROOT = Path(__file__).parents[3]
NAMES = ["report.html", "model-card.md", "claim-2024.md", "stard-ai.md"]
LEAK = "the split leaks: 26 of 391 cases are not new to the model"
VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """Checks that tags nest, and gathers captions, tags and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.captions: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        assert not [name for name in values if name.startswith("on")]
        self.sources += [values[name] or "" for name in ("src", "href") if name in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag in ("caption", "figcaption"):
            self.captions.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "script" not in self.open:
            self.text += data
        if {"caption", "figcaption"} & set(self.open):
            self.captions[-1] += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the whole example."""
    folder = tmp_path_factory.mktemp("report")
    draw_gallery(folder)
    files = write_report(scorecard_from(example()), SPLIT, folder, folder)
    assert [file.name for file in files] == NAMES
    assert all(file.is_file() for file in files)
    return folder


def bare(**more: object) -> dict[str, object]:
    """The example without sections, so that pages are quick to make."""
    card = example()
    kept = ("cases", "clusters", "cases_sha256", "interval", "main", "figures", "names")
    split = card["splits"][SPLIT]
    card["splits"][SPLIT] = {key: split[key] for key in kept} | more
    return card


def page_of(card: object, folder: Path, pictures: Path | None = None) -> Page:
    write_report(scorecard_from(card), SPLIT, folder, pictures)  # type: ignore[arg-type]
    return Page((folder / "report.html").read_text("utf-8"))


def test_the_example_is_a_valid_scorecard(tmp_path: Path) -> None:
    (tmp_path / "scorecard.json").write_text(json.dumps(example(), allow_nan=False), "utf-8")
    assert read_scorecard(tmp_path).as_dict() == example()


def test_every_section_is_there_and_nothing_is_fetched(written: Path) -> None:
    page = Page((written / "report.html").read_text("utf-8"))
    assert page.tags.count("h2") == len(SECTIONS) - 1
    assert "Not measured: classes." in page.text
    assert page.tags.count("table") > 25
    assert page.tags.count("img") == 14
    inside = [one for one in page.sources if not one.startswith(("data:image/", "#"))]
    assert not inside
    assert {one[1:] for one in page.sources if one.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert "default-src 'none'" in (written / "report.html").read_text("utf-8")
    assert "not a certified medical device" in page.text
    assert "This page contains 2 radiographs" in page.text
    assert "Worst AUROC: region “hip” with 0.810" in page.text


def test_every_caption_and_file_tells_of_the_leak(written: Path) -> None:
    page = Page((written / "report.html").read_text("utf-8"))
    of_tables_and_charts = [one for one in page.captions if "IMG000" not in one]
    assert len(of_tables_and_charts) > 35
    assert [one for one in of_tables_and_charts if LEAK not in one] == []
    for name in NAMES[1:]:
        assert LEAK[1:] in (written / name).read_text("utf-8")
    card = (written / "model-card.md").read_text("utf-8")
    assert len(re.findall("^[|] ---", card, re.MULTILINE)) == card.count(f"** ({LEAK})")


def test_no_leak_no_word_of_it(tmp_path: Path) -> None:
    page = page_of(bare(leaks_checked=True), tmp_path)
    assert "leaks" not in page.text
    claim = (tmp_path / "claim-2024.md").read_text("utf-8")
    assert "No case shares id, bytes, group or patient" in claim


def test_missing_sections_are_named_once_and_undefined_is_no_number(tmp_path: Path) -> None:
    page = page_of(bare(notes=["Nobody reaches it."]), tmp_path)
    assert page.tags.count("h2") == 1
    listed = next(line for line in page.text.splitlines() if line.startswith("Not measured:"))
    assert listed.count(",") == len(SECTIONS) - 2
    assert "error gallery" in listed
    row = page.text[page.text.index("Specificity at sensitivity 0.95") :]
    assert re.sub(r"\s+", " ", row).startswith("Specificity at sensitivity 0.95undefined–309")
    assert "Nobody reaches it." in page.text


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    evil = "\"><script>alert('x')</script>|`**\n\x00\u202e"
    entry = {"kind": evil, "id": evil, "probability": 0.5, "label": evil, "caption": evil,
             "file": "../../etc/passwd"}  # fmt: skip
    card = bare(
        gallery=[entry],
        notes=[evil],
        model=evil,
        names=[evil, evil + "2"],
        leak={"cases": 1, "of": 2, "reasons": [evil], "sentence": evil},
        unanswered={"count": 1, "ids": [evil]},
        subgroups=[{"attribute": evil, "value": evil, "cases": 1, "positives": 1, "boxes": None,
                    "figures": {evil: figure}} for figure in (None, 0.5)],
        points=[{"name": evil, "rule": evil, "threshold": 0.5, "chosen_on": evil,
                 "confusion": [[1, 0], [0, 1]], "figures": {}}],
    )  # fmt: skip
    page = page_of(card, tmp_path, tmp_path)
    assert page.tags.count("script") == 1
    assert "alert('x')" in page.text
    for name in NAMES[1:]:
        text = (tmp_path / name).read_text("utf-8")
        assert "<script" not in text
        assert "\x00" not in text
        assert "\u202e" not in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows if name != NAMES[1]}
        assert widths <= {4}


@pytest.mark.parametrize("name", ["../outside.png", "text.png", "/etc/hostname", "none.png", "\0"])
def test_only_pictures_of_the_folder_are_embedded(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in (tmp_path / "outside.png", folder / "inside.png"):
        save_png(file, np.zeros((4, 4), np.uint8))
    (folder / "text.png").write_text("no picture", "utf-8")
    entry = {"kind": "false alarm", "id": "a", "probability": 1, "label": "no", "caption": ""}
    card = bare(gallery=[{**entry, "file": name}, {**entry, "file": "inside.png"}])
    section = next(
        one
        for one in sections_of(Subject(scorecard_from(card), SPLIT, folder))[0]
        if one.title == "Error gallery"
    )
    assert [exhibit.uri is None for exhibit in section.exhibits] == [True, False]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes" / "comparison").glob("*/*.scorecard.json"))[::5]
)
def test_scorecards_of_training_runs_give_a_page_too(path: Path, tmp_path: Path) -> None:
    card = read_scorecard(path)
    split = next(iter(card.splits))
    write_report(card, split, tmp_path)
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert ("Confusion matrix" in page.text) == (card.kind == "classification")
    assert "Not measured" in page.text


def test_several_classes_have_a_table_and_a_matrix(tmp_path: Path) -> None:
    path = ROOT / "recipes" / "comparison" / "roboflow-regions" / "resnet18.scorecard.json"
    card = read_scorecard(path)
    sections, missing = sections_of(Subject(card, "valid"))
    classes = next(one for one in sections if one.title == "Classes")
    table, matrix = classes.grids
    assert [row[0].text for row in table.rows] == list(card.classes)
    assert [[cell.value for cell in row[1:-1]] for row in matrix.rows] == card.of("valid").confusion
    assert "detection" in missing
    assert "classes" not in missing


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match="no split test in the scorecard; it has: valid"):
        write_report(scorecard_from(example()), "test", tmp_path)
    assert not list(tmp_path.iterdir())


def test_checklists_are_whole_and_say_what_is_left() -> None:
    assert [item.number for item in CLAIM_2024] == [str(number) for number in range(1, 45)]
    numbers = [int(re.sub(r"\D", "", item.number)) for item in STARD_AI]
    assert sorted(set(numbers)) == list(range(1, 41))
    assert len(STARD_AI) == 48
    used = {item.fact for item in (*CLAIM_2024, *STARD_AI) if item.fact}
    assert used == set(FACTS)


def test_checklists_are_filled_from_the_scorecard(written: Path) -> None:
    claim = (written / "claim-2024.md").read_text("utf-8").splitlines()
    rows = {row.split(" | ")[0][2:]: row for row in claim if row.startswith("| ")}
    assert rows["44"].endswith(f"| {AUTHORS} |")
    assert AUTHORS not in rows["29"]
    assert "2000 samples, over 98 clusters" in rows["29"]
    assert "2 cases without an answer are in no figure" in rows["12"]
    stard = (written / "stard-ai.md").read_text("utf-8")
    assert "74 true positive, 8 false negative, 90 false positive, 219 true negative" in stard


def test_the_card_names_the_worst_subgroup_and_the_limits(written: Path) -> None:
    card = (written / "model-card.md").read_text("utf-8")
    for part in ("Intended use", "Out of scope", "Data", "Figures", "Calibration", "Subgroups",
                 "Robustness and trust", "Limits", "Licence"):  # fmt: skip
        assert f"\n## {part}\n" in card
    assert "| AUROC | 0.914 | 0.874–0.946 | 391 |" in card
    assert "Worst AUROC: region “hip” with 0.810 (95 % interval 0.770 to 0.842, n 40)" in card


def test_the_documentation_names_every_key_of_the_schema() -> None:
    text = (ROOT / "docs" / "evaluation" / "scorecard.md").read_text("utf-8")
    split = copy.deepcopy(example()["splits"][SPLIT])
    keys = set(example()) | set(split)
    for name, part in split.items():
        part = part[0] if isinstance(part, list) and part else part
        if name not in ("figures", "worst_subgroups") and isinstance(part, dict):
            keys |= set(part)
    assert [key for key in sorted(keys) if f"`{key}`" not in text and f'"{key}"' not in text] == []


def test_figures_in_words() -> None:
    known = {"value": 0.9144, "low": 0.86, "high": 1.0, "n": 1234}
    assert in_words(known) == "0.914 (95 % interval 0.860 to 1.000, n 1,234)"
    assert figure_cell(known).detail == "0.860–1.000, n 1,234"
    assert figure_cell({"value": None, "low": None, "high": None, "n": 0}).text == "undefined"
    assert figure_cell({"value": 0, "low": None, "high": None, "n": 3}).text == "0.000"
    assert [number(one) for one in (0.00012, 7e-18, 12345.6, -0.04)] == [
        "0.0001", "0.000", "12,346", "-0.040",
    ]  # fmt: skip
    assert title_of("sensitivity_at_specificity_0.95") == "sensitivity at specificity 0.95"
    assert title_of("sensitivity_at_0.05") == "boxes found at 0.05 false an image"
    assert markdown("a|b<i>\n") == r"a\|b&lt;i&gt;\\n"


def test_metrics_are_read_as_far_as_they_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text("epoch,loss,word\n1,2,x\n1,4,\n2,nan,y\nx,1,1\n", "utf-8")
    assert read_metrics(file) == {"loss": [(1.0, 3.0)]}
    file.write_bytes(b"\xff\xfe\x00")
    assert read_metrics(file) == {}
    assert read_metrics(tmp_path / "none.csv") == {}
