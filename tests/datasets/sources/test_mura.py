"""MURA: positive is abnormal, and what its tables and folders say is compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fractura.datasets.sources.mura import SOURCE
from fractura.datasets.sources.source import Options, SourceError
from tests.datasets.sources.trees import draw, read

TRAIN = (
    "train/XR_WRIST/patient00011/study1_negative/image1.png",
    "train/XR_WRIST/patient00011/study2_positive/image1.png",
    "train/XR_ELBOW/patient00011/study1_positive/image1.png",
)
VALID = ("valid/XR_HAND/patient11185/study1_positive/image1.png",)


@pytest.fixture
def mura(tmp_path: Path) -> Path:
    root = tmp_path / "MURA-v1.1"
    for split, places in (("train", TRAIN), ("valid", VALID)):
        studies = {}
        for seed, place in enumerate(places):
            draw(root / place, seed)
            study = Path(place).parent
            studies[f"MURA-v1.1/{study.as_posix()}/"] = int(study.name.endswith("positive"))
        lines = [f"MURA-v1.1/{place}\r\n" for place in places]
        (root / f"{split}_image_paths.csv").write_bytes("".join(lines).encode())
        lines = [f"{study},{sign}\r\n" for study, sign in studies.items()]
        (root / f"{split}_labeled_studies.csv").write_bytes("".join(lines).encode())
    return root


def test_positive_is_abnormal_and_never_a_fracture(mura: Path) -> None:
    records, dropped = read(SOURCE, mura)
    assert dropped == {}
    assert set(records) == {*TRAIN, *VALID}
    negative, positive, elbow = (records[place] for place in TRAIN)
    assert (negative.label, positive.label) == ("normal", "abnormal")
    assert positive.fractured is None
    assert positive.abnormal is True
    assert positive.annotations is None
    assert positive.patient == elbow.patient == "patient00011"
    assert positive.study == "patient00011/XR_WRIST/study2"
    assert elbow.study == "patient00011/XR_ELBOW/study1"
    assert elbow.regions == ("elbow",)
    assert records[VALID[0]].official_split == "valid"
    assert "no redistribution" in (SOURCE.licence or "")
    assert all(record.notes == () for record in records.values())


def test_the_folder_above_and_a_renamed_one_are_read_alike(mura: Path, tmp_path: Path) -> None:
    at, above = read(SOURCE, mura)[0], read(SOURCE, mura.parent)[0]
    assert at == above
    renamed = mura.rename(tmp_path / "mura (1)")
    assert set(read(SOURCE, renamed)[0]) == set(at)


def test_contradictions_become_notes_and_the_rest_is_counted(mura: Path) -> None:
    studies = mura / "train_labeled_studies.csv"
    text = studies.read_text().replace("study2_positive/,1", "study2_positive/,0")
    studies.write_text(text.replace("MURA-v1.1/train/XR_ELBOW", "MURA-v1.1/train/XR_HUMERUS"))
    paths = mura / "valid_image_paths.csv"
    paths.write_text("MURA-v1.1/valid/XR_HAND/patient11186/study1_negative/image1.png\n")
    (mura / TRAIN[0]).with_name("._image1.png").write_bytes(b"\0\5\x16\7")
    draw(mura / "train" / "XR_WRIST" / "stray.png")
    records, dropped = read(SOURCE, mura)
    assert dropped == {
        "files outside the layout REGION/patient/study_positive|negative": [
            "train/XR_WRIST/stray.png"
        ],
        "files that macOS added (._*)": [
            "train/XR_WRIST/patient00011/study1_negative/._image1.png"
        ],
        "files are missing": ["valid/XR_HAND/patient11186/study1_negative/image1.png"],
    }
    assert records[TRAIN[0]].notes == ()
    assert records[TRAIN[1]].label == "abnormal"
    assert records[TRAIN[1]].notes == (
        "the folder says positive, but train_labeled_studies.csv says 0",
    )
    assert records[TRAIN[2]].notes == ("train_labeled_studies.csv does not list the study",)
    assert records[VALID[0]].notes == ("valid_image_paths.csv does not list the image",)


@pytest.mark.parametrize("part", ["train", "valid_image_paths.csv", "valid_labeled_studies.csv"])
def test_a_missing_part_is_named_with_its_address(mura: Path, part: str) -> None:
    (shutil.rmtree if (mura / part).is_dir() else Path.unlink)(mura / part)
    with pytest.raises(SourceError, match=rf"{part} is missing.*stanfordmlgroup.*3\.3 GB"):
        list(SOURCE.read(mura, Options("mura")))
