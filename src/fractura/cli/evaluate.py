"""``fractura evaluate``: measure a model, or another system's answers, on a split."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fractura.cli.terminal import NOTICE, show
from fractura.errors import WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.evaluation.evaluate import EvaluationSettings
    from fractura.evaluation.interval import FigureValue
    from fractura.evaluation.scorecard import Scorecard, Split

STRESSED = 60


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped model's name, an exported file, a run folder; or what any other "
            "system said: readings.jsonl, CSV, COCO results, a folder of YOLO text files.",
        ),
    ],
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Labelled radiographs, split.")
    ],
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="valid or test; of a run also fold.")
    ] = "test",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write the scorecard, the report and everything behind them here.",
        ),
    ] = None,
    by: Annotated[
        Literal["image", "study", "patient"],
        typer.Option(help="What one case is; the highest of its images' probabilities counts."),
    ] = "image",
    choose_on: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="Choose thresholds and triage on this split."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="sensitivity>=0.9, specificity>=0.95, youden or cost=10 (a missed fracture "
            "costs ten false alarms). Repeatable; goes with --choose-on.",
        ),
    ] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of fractures where the model is to be used, for predictive values.",
        ),
    ] = None,
    without_leaks: Annotated[
        bool, typer.Option("--without-leaks", help="Leave out what the model has seen.")
    ] = False,
    leaky: Annotated[
        bool,
        typer.Option("--leaky", help="Measure what the model has seen, and say so in every table."),
    ] = False,
    stress: Annotated[
        int,
        typer.Option(
            min=-1,
            metavar="N",
            help="Radiographs to read changed in some eighty ways; 0 none, -1 all.",
        ),
    ] = STRESSED,
    samples: Annotated[
        int, typer.Option(min=100, metavar="N", help="Bootstrap samples of the intervals.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn at random.")] = 0,
) -> None:
    """Measure a model on a split as a reviewer would, with 95 % intervals.

    With --out it writes a report, a model card, two checklists, a scorecard,
    what the model said, and pictures of the worst errors. Without it, it
    prints the figures, and adds those of a run to the run's own scorecard.

    A split that repeats pictures or patients of training is refused.

    \b
    fractura evaluate fractura-s split.parquet --split valid --out report/
    fractura evaluate wrist.onnx split.parquet --choose-on valid --prevalence 0.05 --out report/
    fractura evaluate other.csv split.parquet --split test --out report/
    fractura evaluate results.json split.parquet --without-leaks --out report/
    fractura evaluate runs/a split.parquet --split valid

    Exit status: 0 all is well, 1 it cannot be measured or written, 2 wrong usage.
    """  # fmt: skip
    if leaky and without_leaks:
        raise WrongUsageError("--leaky and --without-leaks contradict each other; choose one")
    if rule and choose_on is None:
        raise WrongUsageError("--rule chooses thresholds on another split; name it: --choose-on")
    import cv2

    from fractura.evaluation.evaluate import EvaluationSettings
    from fractura.evaluation.evaluate import evaluate as measure

    cv2.setNumThreads(1)
    settings = EvaluationSettings(
        split=split,
        level=by,
        choose_on=choose_on,
        rules=tuple(rule or ()),
        prevalence=prevalence,
        leaks="accept" if leaky else "leave out" if without_leaks else "refuse",
        stressed=0 if out is None else None if stress < 0 else stress,
        samples=samples,
        seed=seed,
    )
    own = Path(model).is_dir() and (Path(model) / "run.json").is_file()
    if own:
        card = _measure_run(Path(model), manifest, settings, out)
    else:
        card = measure(model, manifest, settings, out, with_progress)
    show_split(card.of(split))
    if own and out is None:
        show(f"Added to {printable(str(Path(model) / 'scorecard.json'))}.")
    if out is not None:
        from fractura.evaluation.report.page import write_report

        written = write_report(card, split, out, out)
        show(f"\nWritten to {printable(str(out))}: {', '.join(path.name for path in written)}.")
    show(NOTICE)


def _measure_run(
    run: Path, manifest: Path, settings: EvaluationSettings, out: Path | None
) -> Scorecard:
    from fractura.training.export.measure import one_thread
    from fractura.training.run_folder import read_run
    from fractura.training.score import score

    one_thread()
    card = score(read_run(run), manifest, settings, out, with_progress)
    if out is not None and (run / "metrics.csv").is_file():
        shutil.copyfile(run / "metrics.csv", out / "metrics.csv")
    return card


def show_split(split: Split) -> None:
    """Print the figures of one split, one a line, after a leak and before the notes."""
    if split.leak:
        show(f"{split.leak['sentence']}: {'; '.join(split.leak['reasons'])}", "red")
    _show_figures(split.figures)
    if split.figures_of_evaluated is not None:
        show(f"\n  {split.not_evaluated:,} cases were not evaluated; of the others:")
        _show_figures(split.figures_of_evaluated)
    for note in split.notes:
        show(f"  note: {printable(note)}")


def _show_figures(figures: Mapping[str, FigureValue | None]) -> None:
    for name, figure in figures.items():
        if figure is None:
            continue
        words = name.replace("_", " ")
        low, high = figure["low"], figure["high"]
        interval = "" if low is None else f"[{low:.3f}, {high:.3f}]"
        value = "undefined" if figure["value"] is None else f"{figure['value']:.3f} {interval}"
        show(f"  {words:<32} {value}  (n = {figure['n']:,})")
