"""The published JSON Schema of a scorecard follows from its type, and holds for what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fractura.evaluation.scorecard import SCHEMA, Scorecard

pydantic = pytest.importorskip("pydantic")
jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "reference" / "schemas" / "scorecard.schema.json"
CARDS = sorted((ROOT / "recipes").rglob("*scorecard.json"))


def derived() -> dict[str, object]:
    schema = pydantic.TypeAdapter(Scorecard).json_schema()
    schema["properties"]["schema"] = {"const": SCHEMA}
    schema["required"] = sorted({*schema["required"], "schema", "splits"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fractura scorecard",
        **schema,
    }


def test_it_follows_from_the_type() -> None:
    """After a change of the type: write ``json.dumps(derived(), indent=1)`` to the file."""
    assert json.loads(FILE.read_text("utf-8")) == json.loads(json.dumps(derived()))


@pytest.mark.parametrize("path", CARDS[::4], ids=lambda path: path.name)
def test_committed_scorecards_keep_to_it(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text("utf-8")), json.loads(FILE.read_text("utf-8")))


def test_a_wrong_one_does_not() -> None:
    schema = json.loads(FILE.read_text("utf-8"))
    content = json.loads(CARDS[0].read_text("utf-8"))
    for wrong in ({"schema": 1}, {"kind": "poem"}, {"splits": {"valid": {"cases": "many"}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**content, **wrong}, schema)
