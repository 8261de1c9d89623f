"""``fractura train``: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.errors import sentence
from fractura.cli.evaluate import show_split
from fractura.cli.terminal import show
from fractura.errors import FracturaError, WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.training.recipe import Recipe

PREVIEWED = 6


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A recipe's name (fractura recipes) or file.")
    ],
    manifest: Annotated[Path, typer.Option(metavar="FILE", help="What fractura data split wrote.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder; runs/NAME if left out.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe; repeat."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run folder's last checkpoint.")
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a picture of augmented radiographs (PNG), and stop."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that augment.")] = 1,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu, mps.")] = "auto",
    devices: Annotated[
        str, typer.Option(help="How many GPUs, or processes on a CPU, of each node.")
    ] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="How many machines.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Decoded radiographs, shared by runs; .cache beside --out."
        ),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard events into the run folder.")
    ] = False,
    mlflow: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Log to an MLflow tracking server.")
    ] = None,
) -> None:
    """Train a model by a recipe, or by a pipeline of several.

    The run folder gets the resolved recipe, checkpoints, weights, metrics.csv, plots and a
    scorecard on the validation split. fractura-s trains base networks and then their refiners, each
    in a folder of its own; --set base-a.trainer.epochs=9 changes one of them. Ctrl-C stops it;
    --resume goes on as if nothing had been.

    \b
    fractura train binary-fracture --manifest split.parquet
    fractura train my.yaml --manifest split.parquet --out runs/a --set model.name=densenet121
    fractura train detection --manifest split.parquet --set model.pretrained=weights.safetensors
    fractura train binary-fracture --manifest split.parquet --resume
    fractura train binary-fracture --manifest split.parquet --preview preview.png
    fractura train fractura-s --manifest split.parquet
    torchrun --nproc-per-node 4 -m fractura.cli train region --manifest split.parquet --devices 4
    """
    try:
        from fractura.training.pipeline import read_stages
    except ImportError as error:
        raise WrongUsageError('training needs more: pip install "fractura[train]"') from error

    try:
        stages = read_stages(recipe, out, changes or [])
    except FracturaError as error:
        raise WrongUsageError(sentence(error)) from error
    folder = stages[-1].folder
    if preview is not None:
        _preview(stages[0].recipe, manifest, cache or folder.parent / ".cache", preview)
        return
    from fractura.training.callbacks.interruption import StoppedError
    from fractura.training.run import LostError
    from fractura.training.run_stages import train_stages
    from fractura.training.score import score_validation
    from fractura.training.trainer import Machine, is_rank_zero

    machine = Machine(workers, accelerator, devices, nodes, cache, tensorboard, mlflow)
    try:
        finished = train_stages(stages, manifest, machine=machine, resume=resume, log=show)
    except (StoppedError, LostError) as error:
        # The first of several processes logs for all.
        if is_rank_zero():
            typer.echo(f"fractura: {sentence(error)}", err=True)
        raise typer.Exit(130 if isinstance(error, StoppedError) else 1) from None
    if is_rank_zero():
        show_split(score_validation(finished, manifest, with_progress).of("valid"))
        show(f"The run is in {printable(str(folder))}.")


def _preview(recipe: Recipe, manifest: Path, cache: Path, out: Path) -> None:
    from fractura.imaging.save import save_png
    from fractura.training.data.plan import Plan
    from fractura.training.data.preview import preview
    from fractura.training.training_data import labels_of, open_training_store, select

    data = select(recipe, manifest)
    store = open_training_store(recipe, data, cache, show)
    labels = labels_of(store.records, recipe, data.classes)
    plan = Plan(labels, store, recipe)
    rows = [draw.sample for draw in plan.epoch(0)[0]][:PREVIEWED]
    save_png(out, preview(store, plan, recipe, rows))
    show(f"Wrote {printable(str(out))}.")
