"""``fractura enhance``: make radiographs easier to look at."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from fractura.batch.paths import find_inputs
from fractura.batch.pictures import picture_name
from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.findings import Failure
from fractura.progress import with_progress
from fractura.text import printable

_ROW = "{:>9}  {:>6}  {}"


class _Change(NamedTuple):
    """How far an enhanced image is from its original; None where their sizes differ."""

    path: str
    psnr: float | None
    ssim: float | None


def enhance(
    ctx: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Files, folders with them, or patterns.")
    ],
    steps: Annotated[
        str,
        typer.Option(
            metavar="STEP,…",
            help="In this order: resize, normalise, clahe, bilateral, median, non-local-means.",
        ),
    ] = "clahe",
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Where to write.")
    ] = Path("fractura-enhanced"),
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write original and result side by side.")
    ] = False,
    frame: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take this frame of files with several, from 1."),
    ] = None,
) -> None:
    """Even out contrast, remove noise; say how far the result is from the original.

    Writes PNG, in 16 bits where the source has more than 8. For eyes only: the model reads the
    original.

    \b
    fractura enhance wrist.png
    fractura enhance study/ --steps median,clahe --compare --out enhanced/
    """
    from fractura.batch.read_files import failure
    from fractura.imaging.enhance import STEPS
    from fractura.parallel import map_in_order, processors

    names = steps.split(",")
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        raise WrongUsageError(f"there is no step {unknown[0]!r}; choose from {', '.join(STEPS)}")
    inputs = find_inputs(paths)
    out.mkdir(parents=True, exist_ok=True)

    def work(item: str | Failure) -> _Change | Failure:
        if isinstance(item, Failure):
            return item
        try:
            return _enhance_file(item, names, out, compare, frame)
        except Exception as error:
            return failure(item, error, debug=ctx.obj)

    failed = False
    show(_ROW.format("PSNR", "SSIM", "FILE"))
    with closing(map_in_order(work, inputs, processors())) as outcomes:
        for outcome in with_progress(outcomes, len(inputs), "Enhancing"):
            failed |= isinstance(outcome, Failure)
            _show(outcome)
    show(f"Written to {out}.")
    if failed:
        raise typer.Exit(1)


def _enhance_file(
    path: str, steps: list[str], out: Path, compare: bool, frame: int | None
) -> _Change:
    import numpy as np

    from fractura.imaging.draw import side_by_side
    from fractura.imaging.enhance import enhance
    from fractura.imaging.load import load
    from fractura.imaging.quality import NotComparableError, psnr, ssim
    from fractura.imaging.save import save_png, to_16_bit

    radiograph = load(path, frame=frame)
    result = enhance(radiograph.pixels, steps)
    if radiograph.bits > 8:
        save_png(out / picture_name(path, "_enhanced.png"), to_16_bit(result))
    else:
        save_png(out / picture_name(path, "_enhanced.png"), np.rint(result * 255).astype(np.uint8))
    if compare:
        panels = side_by_side([radiograph.pixels, result], ["original", "enhanced"])
        save_png(out / picture_name(path, "_compared.png"), panels)
    try:
        return _Change(path, psnr(radiograph.pixels, result), ssim(radiograph.pixels, result))
    except NotComparableError:
        return _Change(path, None, None)


def _show(outcome: _Change | Failure) -> None:
    if isinstance(outcome, Failure):
        show(_ROW.format("failed", "", printable(outcome.message)), "magenta")
    elif outcome.psnr is None or outcome.ssim is None:
        show(_ROW.format("-", "-", printable(outcome.path)))
    else:
        decibels, similarity = f"{outcome.psnr:.1f} dB", f"{outcome.ssim:.3f}"
        show(_ROW.format(decibels, similarity, printable(outcome.path)))
