"""``fractura evaluate``: measure a model on a split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fractura.cli.errors import WrongUsageError
from fractura.cli.terminal import show
from fractura.text import printable


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A run folder; or a shipped model's name or exported file that finds boxes.",
        ),
    ],
    manifest: Annotated[Path, typer.Argument(help="The manifest it was trained with, or another.")],
    split: Annotated[str, typer.Option(metavar="SPLIT", help="valid, test or fold.")] = "test",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Scorecard of a shipped or exported model (JSON)."),
    ] = None,
) -> None:
    """Measure a model on a split, with 95 % intervals.

    A run's figures are added to its scorecard.json, what it said of each radiograph to its
    predictions.csv. Groups of one picture or patient that the run trained on are refused.

    \b
    fractura evaluate runs/a split.parquet
    fractura evaluate runs/a split.parquet --split valid
    fractura evaluate fractura-s split.parquet --split valid --out fractura-s.scorecard.json
    """
    if Path(model).is_dir():
        if out:
            raise WrongUsageError("--out is for model files; a run's scorecard lies in its folder")
        show_figures(_of_run(Path(model), manifest, split))
        show(f"Added to {printable(str(Path(model) / 'scorecard.json'))}.")
        return
    card = _of_file(model, manifest, split)
    show_figures(card["splits"][split])
    if out:
        from fractura.evaluation.run_scorecard import write_scorecard

        write_scorecard(out, card)
        show(f"Written to {printable(str(out))}.")


def _of_run(run: Path, manifest: Path, split: str) -> dict[str, Any]:
    from fractura.training.run_folder import read_run
    from fractura.training.score import score

    return score(read_run(run), manifest, split)


def _of_file(model: str, manifest: Path, split: str) -> dict[str, Any]:
    from fractura.datasets.storage import read_manifest
    from fractura.evaluation.model_file import measure_model

    table = read_manifest(manifest)
    records = [record for record in table.records if record.split == split]
    if not records:
        raise WrongUsageError(f"{manifest} has no radiograph in split {split}; split it first")
    return measure_model(model, records, table.content_hash, split)


def show_figures(part: dict[str, Any]) -> None:
    """Print the figures of one split of a scorecard, one a line."""
    for name, figure in part["figures"].items():
        words = name.replace("_", " ")
        low, high = figure["low"], figure["high"]
        interval = "" if low is None else f"[{low:.3f}, {high:.3f}]"
        value = "undefined" if figure["value"] is None else f"{figure['value']:.3f} {interval}"
        show(f"  {words:<26} {value}  (n = {figure['n']:,})")
