"""What an audit found: plain dataclasses, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["leak", "error", "warning", "note"]
"""``leak``: the split is not to be trusted (exit status 1). ``error``: data are wrong or
unreadable. ``warning``: a person should look. ``note``: good to know."""


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """One thing that a check found.

    Attributes:
        severity: see :data:`Severity`.
        sentence: what is wrong, for a person.
        records: ids of the records concerned, to be shown side by side.
        evidence: figures behind it (``{"similarity": 0.993, "mirrored": true}``).
    """

    severity: Severity
    sentence: str
    records: tuple[str, ...]
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to the manifest.

    Attributes:
        name: stable, for programs: ``"near_duplicates"``.
        title: for people: ``"Near-duplicates"``.
        explanation: one or two sentences: what was done and how to read the result.
        summary: the result in one sentence, with its numbers.
        problems: what was found, worst first.
        figures: tables and numbers, JSON-ready.
    """

    name: str
    title: str
    explanation: str
    summary: str
    problems: tuple[AuditProblem, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """Every check of one manifest.

    Attributes:
        manifest: path of the manifest, and its content hash.
        records: how many were examined.
        checks: in the order in which they are shown.
        groups: a group's name for each record that shares a picture, patient or study with
            another; what ``fractura data split`` takes.
        settings: versions, thresholds, model: everything needed to repeat it.
        seconds: where the time went.
    """

    manifest: str
    content_hash: str
    records: int
    checks: tuple[Check, ...]
    groups: Mapping[str, str]
    settings: Mapping[str, Any]
    seconds: Mapping[str, float]

    @property
    def leaks(self) -> int:
        """How many problems make the split untrustworthy."""
        return sum(
            problem.severity == "leak" for check in self.checks for problem in check.problems
        )

    def as_dict(self) -> dict[str, Any]:
        """The documented JSON form, ``audit.json``."""
        return {"schema": 1, "leaks": self.leaks, **asdict(self)}
