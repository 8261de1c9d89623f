"""A complete scorecard of made-up numbers, in the shape that docs/evaluation/scorecard.md gives."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png

CORRUPTIONS = ("noise", "blur", "contrast", "gamma", "jpeg", "downsampling", "rotation", "crop")
SPLIT = "valid"


def figure(value: float | None, n: int = 391, width: float = 0.04) -> dict[str, Any]:
    """A figure with an interval around it."""
    low, high = (None, None) if value is None else (value - width, value + 0.8 * width)
    return {"value": value, "low": low, "high": high, "n": n}


def figures(n: int = 391, **values: float | None) -> dict[str, Any]:
    """Figures by name, all of n cases."""
    return {name: figure(value, n) for name, value in values.items()}


def _point(name: str, rule: str, threshold: float, right: float, spared: float) -> dict[str, Any]:
    found, calm = round(82 * right), round(309 * spared)
    return {
        "name": name,
        "rule": rule,
        "threshold": threshold,
        "chosen_on": "held-out fold",
        "confusion": [[calm, 309 - calm], [82 - found, found]],
        "figures": figures(82, sensitivity=right)
        | figures(309, specificity=spared)
        | figures(
            precision=0.55, npv=0.95, ppv_at_prevalence=0.21, npv_at_prevalence=0.99,
            accuracy=0.84, balanced_accuracy=0.83, f1=0.66, kappa=0.55, matthews=0.57,
            flagged=0.3,
        ),
    }  # fmt: skip


def _subgroup(attribute: str, value: str, cases: int, auroc: float | None) -> dict[str, Any]:
    return {
        "attribute": attribute,
        "value": value,
        "cases": cases,
        "positives": cases // 5,
        "boxes": cases // 4,
        "figures": figures(cases, auroc=auroc, sensitivity=0.88, specificity=0.74)
        | {"flagged": figure(0.35, cases), "ap50": figure(0.38, cases // 4)},
    }


def split() -> dict[str, Any]:
    """One split with every section."""
    bins = [
        {
            "low": index / 10,
            "high": (index + 1) / 10,
            "n": 0 if index == 5 else 120 - 11 * index,
            "mean": None if index == 5 else index / 10 + 0.05,
            "share": None if index == 5 else index / 10 + 0.03,
            "share_low": None if index == 5 else max(index / 10 - 0.04, 0),
            "share_high": None if index == 5 else min(index / 10 + 0.12, 1),
        }
        for index in range(10)
    ]
    steps = [index / 40 for index in range(41)]
    severities = [
        {
            "name": name,
            "severity": severity,
            "figures": figures(
                200,
                auroc=0.914 - 0.012 * severity * (place + 1) / 2,
                sensitivity=0.9 - 0.03 * severity,
                specificity=0.72,
                ap50=0.38 - 0.04 * severity,
                mean_change=0.01 * severity,
            ),
        }
        for place, name in enumerate(CORRUPTIONS)
        for severity in range(1, 6)
    ]
    return {
        "cases": 391,
        "clusters": 98,
        "cases_sha256": "5e" * 32,
        "interval": "95 %, cluster bootstrap, 2000 samples",
        "main": "auroc",
        "fractured": 82,
        "boxes": 91,
        "level": "image",
        "model": "fractura-s 1",
        "positives": 82,
        "names": ["no fracture", "fracture"],
        "leaks_checked": True, "not_evaluated": 3,
        "figures_of_evaluated": figures(388, auroc=0.92),
        "leak": {
            "cases": 26,
            "of": 391,
            "reasons": ["26 cases are of one group with radiographs in training"],
            "sentence": "the split leaks: 26 of 391 cases are not new to the model",
        },
        "unanswered": {"count": 2, "ids": ["IMG0001", "IMG0002"]},
        "figures": figures(
            auroc=0.914, average_precision=0.83, brier=0.078, calibration_error=0.027,
            log_loss=0.27, accuracy=0.898, balanced_accuracy=0.81, precision=0.86,
            sensitivity=0.65, specificity=0.965, npv=0.91, f1=0.74, kappa=0.68, matthews=0.69,
            region_accuracy=0.98,
        )
        | {
            "sensitivity_at_specificity_0.9": figure(0.76, 82),
            "specificity_at_sensitivity_0.95": figure(None, 309),
            "ap50": figure(0.387, 91),
            "sensitivity_at_0.05": figure(0.4, 91),
        },
        "notes": ["No threshold of this model reaches a sensitivity of 0.95."],
        "points": [
            _point("high sensitivity", "sensitivity>=0.9", 0.12, 0.902, 0.709),
            _point("high specificity", "specificity>=0.95", 0.61, 0.695, 0.951),
            _point("cost", "cost=10", 0.09, 0.927, 0.66),
        ],
        "curves": {
            "roc": [[step, step**0.18] for step in steps],
            "precision_recall": [[step, 1 - 0.79 * step**3] for step in steps],
            "scores": {
                "edges": [index / 20 for index in range(21)],
                "positive": [3 + index // 4 for index in range(20)],
                "negative": [150 // (1 + index) for index in range(20)],
            },
        },
        "calibration": {
            "figures": figures(
                calibration_error=0.027, calibration_error_equal_mass=0.03, brier=0.078,
                reliability=0.002, resolution=0.09, uncertainty=0.166, intercept=-0.04,
                slope=1.08,
            ),
            "bins": bins,
            "notes": ["One of 10 bins is empty."],
        },
        "detection": {
            "figures": figures(91, ap50=0.387, ap75=0.14, ap50_95=0.18, ap50_fractured_only=0.482)
            | {
                f"sensitivity_at_{rate}": figure(0.35 + 0.2 * math.log10(1 + 10 * rate), 91)
                for rate in (0.05, 0.1, 0.25, 0.5, 1, 2)
            }
            | figures(91, f1_best=0.51, precision_at_f1_best=0.6, recall_at_f1_best=0.45)
            | {"threshold_f1_best": 0.34},
            "sizes": [
                {
                    "name": name,
                    "range": ends,
                    "boxes": count,
                    "figures": figures(count, ap50=0.3, ap50_95=0.12)
                    | {"found_at_0.5": figure(0.5, count)},
                }
                for name, ends, count in (
                    ("small", [0, 0.002], 30),
                    ("medium", [0.002, 0.01], 41),
                    ("large", [0.01, 1], 20),
                )
            ],
            "curves": {
                "froc": [[0, 0], [0.05, 0.4], [0.1, 0.48], [0.5, 0.6], [1, 0.65], [3, 0.7]],
                "precision_recall": [[0, 1], [0.3, 0.8], [0.5, 0.5], [0.7, 0.2]],
                "f1": [[step, 0.3 + 0.7 * step, 0.7 - 0.7 * step, 0.5 - (step - 0.3) ** 2 / 2]
                       for step in steps],
            },
            "notes": [],
        },
        "masks": {"figures": figures(91, mask_ap50=0.31, mask_ap75=0.1, mask_ap50_95=0.13),
                  "notes": ["3 of 91 boxes have no outline and are left out."]},
        "triage": {
            "alpha": {"missed": 0.05, "false_alarm": 0.1},
            "calibrated_on": "held-out fold, 349 images",
            "thresholds": {"low": 0.08, "high": 0.66},
            "guarantee": "At most 5 % of fractures are sent home, and at most 10 % of normals "
            "called, on average over calibration sets like this one.",
            "figures": figures(missed=0.061, false_alarm=0.04, needs_reader=0.33,
                               fracture_share=0.18, no_fracture_share=0.49),
            "confusion": {"no fracture": [187, 5], "needs a reader": [110, 19],
                          "fracture": [12, 58]},
            "risk_coverage": [[step, 0.1 * step**2] for step in steps[1:]],
            "figures_risk": figures(area_under_risk_coverage=0.034),
            "notes": ["The promise holds for cases like those of the calibration."],
        },
        "subgroups": [
            _subgroup("region", "hand", 150, 0.93),
            _subgroup("region", "hip", 40, 0.81),
            _subgroup("region", "leg", 201, 0.91),
            _subgroup("hardware", "yes", 12, None),
            _subgroup("image size", "up to 400 pixels", 300, 0.92),
        ],
        "worst_subgroups": {
            "auroc": {"attribute": "region", "value": "hip", "figure": figure(0.81, 40)},
        },
        "baselines": [
            {"name": "prevalence", "sees": "nothing", "note": "Always the share of positives.",
             "figures": figures(auroc=0.5, average_precision=0.21, brier=0.166, accuracy=0.79)},
            {"name": "image size", "sees": "width and height", "note": None,
             "figures": figures(auroc=0.63, average_precision=0.3, brier=0.16, accuracy=0.79)},
        ],
        "robustness": {
            "cases": 200,
            "clean": figures(200, auroc=0.914, sensitivity=0.9, specificity=0.72, ap50=0.38),
            "corruptions": severities,
            "summary": {name: 0.02 * (place + 1) for place, name in enumerate(CORRUPTIONS)},
            "notes": ["Severity 1 can hardly be seen; 5 is worse than what is archived."],
        },
        "metamorphic": [
            {"name": "mirror", "what": "The radiograph is mirrored.", "cases": 200,
             "figures": figures(200, mean_change=0.02, largest_change=0.4,
                                decision_changed=0.05, box_overlap=0.81)},
        ],
        "tta": {"views": 4, "figures": figures(auroc=0.92, auroc_gain=0.006, ap50=0.39,
                                                     spread_auroc_of_errors=0.77), "notes": []},
        "heatmaps": {
            "radiographs": 82,
            "boxes": 91,
            "figures": figures(82, pointing_game=0.61, energy_in_box=0.12, chance_pointing=0.02,
                               chance_energy=0.015, found_by_best_box=0.7),
            "randomised": {"correlation": 0.08, "pointing_game": 0.03},
            "notes": [],
        },
        "ood": [
            {"kind": "noise", "n": 50, "flagged": figure(0.98, 50), "source": "generated, seed 0"},
            {"kind": "bone radiograph", "n": 391, "flagged": figure(0.03), "source": "the split"},
        ],
        "gallery": [
            {"kind": "missed fracture", "id": "IMG0003", "probability": 0.02, "label": "fracture",
             "caption": "Box of 0.1 % of the image, best overlap 0.2.",
             "file": "gallery/01-missed.png"},
            {"kind": "false alarm", "id": "IMG0004", "probability": 0.94, "label": "no fracture",
             "caption": "", "file": "gallery/02-alarm.png"},
            {"kind": "suspected label error", "id": "IMG0005", "probability": 0.99,
             "label": "no fracture", "caption": "Its group has both labels.", "file": None},
        ],
    }  # fmt: skip


def example() -> dict[str, Any]:
    """The whole scorecard."""
    return {
        "schema": 2,
        "model": "fractura-s",
        "task": "multi-task",
        "kind": "detection",
        "classes": ["no fracture", "fracture"],
        "cost": {
            "parameters": 2_010_882, "latency_ms": 24.1, "threads": 1, "training_seconds": None,
            "epochs": None, "images_per_second": None, "input_side": 512,
            "started_from": "see its card",
        },
        "provenance": {
            "model": "fractura-s",
            "recipe": "fractura-s 1", "manifest_hash": "42" * 32, "seed": 0,
            "versions": {"numpy": "2.0", "onnxruntime": "1.20"}, "revision": "f00ba4",
            "date": "2026-11-21",
        },
        "splits": {SPLIT: split()},
    }  # fmt: skip


def draw_gallery(folder: Path) -> None:
    """Pictures for the gallery, and a run's metrics beside them."""
    (folder / "gallery").mkdir(parents=True)
    for seed, name in enumerate(("01-missed.png", "02-alarm.png")):
        pixels = make_phantom(seed, width=160, height=200).radiograph.pixels
        save_png(folder / "gallery" / name, (255 * pixels).astype("uint8"))
    rows = [f"{epoch},{1 / epoch},{1.2 / epoch},{1 - 0.5 / epoch}" for epoch in range(1, 9)]
    head = "epoch,loss_epoch,valid/loss,valid/auroc"
    (folder / "metrics.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
