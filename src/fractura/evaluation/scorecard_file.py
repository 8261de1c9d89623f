"""``scorecard.json``: written whole, and read with every part checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fractura.atomic_write import write_whole
from fractura.errors import FracturaError
from fractura.evaluation.scorecard import SCHEMA, Cost, Provenance, Scorecard, Split

SCORECARD = "scorecard.json"
"""Name of the file in a run folder."""


def write_scorecard(path: Path, scorecard: Scorecard) -> None:
    """Write a scorecard, whole or not at all.

    Raises:
        SaveError: it cannot be written.
    """
    text = json.dumps(scorecard.as_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, text.encode() + b"\n")


def read_scorecard(path: Path) -> Scorecard:
    """Read a scorecard.

    Args:
        path: the file, or the run folder that holds it.

    Raises:
        FracturaError: there is none, it is of another schema, or a part of it is missing or
            wrong; says which.
    """
    file = path / SCORECARD if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise FracturaError(f"{path} holds no {SCORECARD}; give a run that has come to its end")
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FracturaError(f"{file} is not a readable scorecard: {error}") from error
    problem = _problem(content)
    if problem:
        raise FracturaError(f"{file} is not a valid scorecard: {problem}")
    return scorecard_from(content)


def scorecard_from(content: Mapping[str, Any]) -> Scorecard:
    """The scorecard that JSON's form stands for; the inverse of :meth:`Scorecard.as_dict`."""
    return Scorecard(
        **{
            **content,
            "cost": Cost(**content["cost"]),
            "provenance": Provenance(**content["provenance"]),
            "splits": {name: Split(**split) for name, split in content["splits"].items()},
        }
    )


_NUMBER = (int, float)
_COST: dict[str, tuple[type, ...]] = {
    "parameters": (int, type(None)),
    "latency_ms": (*_NUMBER, type(None)),
    "threads": (int, type(None)),
    "training_seconds": (*_NUMBER, type(None)),
    "epochs": (int, type(None)),
    "images_per_second": (*_NUMBER, type(None)),
    "input_side": (int, type(None)),
    "started_from": (str,),
}
_PROVENANCE: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "recipe": (str,),
    "manifest_hash": (str,),
    "seed": (int, type(None)),
    "versions": (dict,),
    "revision": (str, type(None)),
    "date": (str,),
}
_DOCUMENT: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "task": (str,),
    "kind": (str,),
    "classes": (list,),
    "cost": (dict,),
    "provenance": (dict,),
    "splits": (dict,),
}
_SPLIT: dict[str, tuple[type, ...]] = {
    "cases": (int,),
    "clusters": (int,),
    "cases_sha256": (str,),
    "interval": (str,),
    "main": (str,),
    "figures": (dict,),
}
_CLASSIFIED: dict[str, tuple[type, ...]] = {
    "classes": (dict,),
    "confusion": (list,),
    "baseline": (dict,),
}


def _problem(content: Any) -> str | None:
    if not isinstance(content, dict) or "schema" not in content:
        return "it has no schema; training and evaluation write scorecards"
    if content["schema"] != SCHEMA:
        return f"its schema is {content['schema']!r}, and this version reads {SCHEMA}"
    problem = (
        _fields(content, _DOCUMENT, "")
        or _fields(content["cost"], _COST, "cost.")
        or _fields(content["provenance"], _PROVENANCE, "provenance.")
    )
    if problem:
        return problem
    if content["kind"] not in ("classification", "detection"):
        return f"kind is {content['kind']!r}, not classification or detection"
    for name, split in content["splits"].items():
        problem = _split_problem(split, f"splits.{name}", content)
        if problem:
            return problem
    return None


def _split_problem(split: Any, place: str, content: Mapping[str, Any]) -> str | None:
    if not isinstance(split, dict):
        return f"{place} is not an object"
    classified = content["kind"] == "classification"
    unknown = split.keys() - {field.name for field in fields(Split)}
    if unknown:
        return f"{place}.{min(unknown)} is no part of a split"
    problem = _fields(split, _SPLIT | (_CLASSIFIED if classified else {}), f"{place}.")
    if problem:
        return problem
    for name, figure in split["figures"].items():
        if figure is not None and not _is_figure(figure):
            return f"{place}.figures.{name} lacks a number among value, low, high and n"
    if split["main"] not in split["figures"]:
        return f"{place}.figures lacks {split['main']}, which {place}.main names"
    count = len(content["classes"])
    if classified and [len(row) for row in split["confusion"]] != [count] * count:
        return f"{place}.confusion is not {count} by {count}"
    return None


def _fields(content: Mapping[str, Any], types: Mapping[str, Any], place: str) -> str | None:
    for name, kinds in types.items():
        if name not in content:
            return f"{place}{name} is missing"
        if not isinstance(content[name], kinds) or isinstance(content[name], bool):
            return f"{place}{name} is {content[name]!r:.60}"
    return None


def _is_figure(figure: Any) -> bool:
    return (
        isinstance(figure, dict)
        and isinstance(figure.get("n"), int)
        and all(
            key in figure and isinstance(figure[key], (*_NUMBER, type(None)))
            for key in ("value", "low", "high")
        )
    )
