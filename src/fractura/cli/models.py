"""``fractura models``: what ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractura.cli.terminal import show
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.reading.model import ModelDescription


def models(
    card: Annotated[
        bool,
        typer.Option(
            "--card", help="Print the model cards: data, licence, figures, limits, intended use."
        ),
    ] = False,
    architectures: Annotated[
        bool, typer.Option("--architectures", help="List the networks that can be trained.")
    ] = False,
) -> None:
    """Say which models ship with the package, and what is known of them.

    \b
    fractura models
    fractura models --card
    fractura models --architectures
    """
    if architectures:
        _show_architectures()
        return
    from fractura.reading.model import Model, model_path, shipped_models

    for name in shipped_models():
        path = model_path(name)
        if card:
            text = path.with_suffix(".md")
            show(text.read_text("utf-8") if text.is_file() else f"{name} has no card.")
            continue
        description = Model(name, threads=1).description
        show(f"{name}  version {description.version}, {path.stat().st_size / 1e6:.1f} MB")
        for label, value in _facts(description):
            show(f"  {label:<18} {printable(value)}")
        show("  figures, limits    fractura models --card")


def _show_architectures() -> None:
    from fractura.models.registry import CLASSIFIERS, DETECTORS, MULTI_TASK, TWO_STAGE

    for kind, names in (
        ("classifiers", (*CLASSIFIERS, "any other model of timm, by timm's name")),
        ("detectors", DETECTORS),
        ("multi-task", (MULTI_TASK, TWO_STAGE)),
    ):
        show(f"{kind}:")
        for name in names:
            show(f"  {name}")


def _facts(description: ModelDescription) -> list[tuple[str, str]]:
    points = description.operating_points
    facts = [
        (label, f"probability from {point.probability:.3f}, boxes from {point.box_score:.3f}")
        for label, point in (
            ("high sensitivity", points.high_sensitivity),
            ("high specificity", points.high_specificity),
        )
    ]
    if description.guarantee is not None:
        facts.append(("promise", description.guarantee.sentence()))
    facts.append(("regions", ", ".join(description.regions)))
    facts.append(("reads at", f"{description.preprocess.long_side} pixels on the longer side"))
    return facts + [
        (name, _words(description.provenance[name]))
        for name in ("data", "images", "backbone", "licence", "date", "revision")
        if description.provenance.get(name)
    ]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{number} {name}" for name, number in value.items())
    return str(value)
