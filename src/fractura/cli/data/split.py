"""``fractura data split``: share records out to training, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.data.requests import check_out
from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.record import Record, Split


def split(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="What to split.")],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="The split manifest, .parquet or .csv."),
    ],
    ratios: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="Shares of training, validation and test; 70,15,15 if you ask for nothing else.",
        ),
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="The sources' own splits, without what they leak.")
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="K",
            help="Number training from fold 0 to K-1. Alone: official test stays test, all else "
            "is training.",
        ),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="groups.csv of an audit: what must stay together, too."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
) -> None:
    """Share records out to training, validation and test, and never tear a group apart.

    A group is whatever may show one patient or one picture: records of one patient or study, of
    one group of the source or of an audit, identical files, and neighbours in sources that name
    no patients. Label, source and region are shared out alike.

    \b
    fractura data split m.parquet --out s.parquet --groups audit/groups.csv
    fractura data split m.parquet --out s.parquet --official
    fractura data split m.parquet --out s.parquet --official --folds 10
    """
    from fractura.datasets.grouping import read_groups, with_groups
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.split import (
        keep_official_test,
        split_by_ratios,
        split_in_folds,
        split_officially,
    )
    from fractura.datasets.storage import read_manifest, write_manifest

    if official and ratios is not None:
        raise WrongUsageError("--official and --ratios exclude each other; choose one")
    shares = _shares(ratios or "70,15,15")
    check_out(out)
    read = read_manifest(manifest)
    records = with_groups(read.records, read_groups(groups) if groups else {})
    asked: dict[str, float] = {}
    if official:
        records = split_officially(records)
    elif folds and ratios is None:
        records = keep_official_test(records)
    else:
        records = split_by_ratios(records, shares, seed)
        asked = {str(name): share for name, share in shares.items()}
    if folds:
        records = split_in_folds(records, folds, seed)
        if asked:
            training = asked.pop("train") / folds
            asked = {**{f"fold {fold}": training for fold in range(folds)}, **asked}
    write_manifest(out, Manifest(records, read.intakes))
    _show_table(records, asked)
    _show_groups(records)
    show(f"Written to {printable(str(out))}.")


def _shares(text: str) -> dict[Split, float]:
    """``70,15,15`` as shares; a split with the share 0 is not there."""
    from fractura.datasets.record import SPLITS

    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    total = sum(values)
    if not 2 <= len(values) <= 3 or not 0 < values[0] < total < float("inf") or min(values) < 0:
        raise WrongUsageError(
            f"--ratios {text}: give the shares of training, validation and test, as in 70,15,15"
        )
    return {split: value / total for split, value in zip(SPLITS, values, strict=False) if value}


def _show_table(records: Sequence[Record], asked: Mapping[str, float]) -> None:
    from fractura.datasets.record import SPLITS
    from fractura.datasets.split import LEFT_OUT, count_left_out, count_places

    counts = count_places(records)
    total = sum(counts.values(), Counter[str]())
    folds = sorted((name for name in total if name.startswith("fold ")), key=lambda n: int(n[5:]))
    places = [name for name in (*folds, *SPLITS, LEFT_OUT) if total[name]]
    rows = [((source, label), count) for (source, label), count in counts.items()]
    width = max([6, *(len(printable(source)) for source, _ in counts)])
    line = f"{{:<{width}}}  {{:<11}}  " + "  ".join(["{:>14}"] * (len(places) + 1))
    show(line.format("SOURCE", "LABEL", *(name.upper() for name in places), "ALL"))
    for (source, label), count in [*rows, (("all", "all"), total)]:
        used = count.total() - count[LEFT_OUT]
        cells = [
            f"{count[name]:,}" if name == LEFT_OUT else _cell(count[name], used) for name in places
        ]
        show(line.format(printable(source), label, *cells, f"{count.total():,}"))
    used = total.total() - total[LEFT_OUT]
    if asked:
        due = ["" if name == LEFT_OUT else f"{100 * asked[name]:.2f} %" for name in places]
        show(line.format("asked", "", *due, ""))
        off = max(abs(total[name] / max(used, 1) - share) for name, share in asked.items())
        show(f"\nOff what was asked by at most {100 * off:.2f} points of the whole.")
    for reason, count_of_reason in count_left_out(records).most_common():
        show(f"Left out: {count_of_reason:,} because {reason}.")
    for label in sorted({label for _, label in counts}):
        there = sum((count for key, count in counts.items() if key[1] == label), Counter[str]())
        for name in places:
            if name != LEFT_OUT and not there[name] and there.total() > there[LEFT_OUT]:
                show(f"Note: there is nothing labelled {label!r} in {name}.")


def _cell(count: int, total: int) -> str:
    return f"{count:,} {100 * count / max(total, 1):6.2f} %"


def _show_groups(records: Sequence[Record]) -> None:
    from fractura.datasets.split import group_sizes

    sizes = group_sizes(records)
    bands: Counter[int] = Counter()
    for size, count in sizes.items():
        bands[(size - 1).bit_length()] += count
    parts = [f"{count:,} of {_band(band)}" for band, count in sorted(bands.items())]
    show(f"{len(records):,} records form {sizes.total():,} groups: {', '.join(parts)}.")


def _band(power: int) -> str:
    low, high = 2**power // 2 + 1, 2**power
    return f"{high}" if power < 2 else f"{low} to {high}"
