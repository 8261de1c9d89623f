"""The scope ends where its limits say, and comes back from a file."""

from __future__ import annotations

import json

from fractura.ood.scope import CHILD, OUTSIDE, Scope

SCOPE = Scope(
    ("hand",), 16, ("CR",), ("frontal",), ("a",), ("chest",), outside=0.6, growth_plates=0.8
)


def test_each_limit_ends_it_and_silence_does_not() -> None:
    assert SCOPE.ends_at(0.59, 0.79) is None
    assert SCOPE.ends_at(0.6, 0.9) is OUTSIDE
    assert SCOPE.ends_at(0.1, 0.8) is CHILD
    assert SCOPE.ends_at(None, None) is None


def test_it_comes_back_from_json() -> None:
    assert Scope.from_dict(json.loads(json.dumps(SCOPE.to_dict()))) == SCOPE
