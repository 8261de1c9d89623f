"""One picture, patient, study or group on both sides of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fractura.datasets.audit.duplicates import DuplicatePair
from fractura.datasets.audit.grouping import (
    SEVERITIES,
    alike,
    listed,
    places_of,
    plural,
    splits_of,
)
from fractura.datasets.audit.result import AuditProblem, Check, Severity
from fractura.datasets.grouping import find_series
from fractura.datasets.record import Record

NO_SPLIT = "there is no split yet, so nothing can leak"


def identical(
    records: Sequence[Record], files: Sequence[Sequence[int]], pixels: Sequence[Sequence[int]]
) -> Check:
    """Groups of identical files, and of different files with identical pixels."""
    by_bytes = {tuple(group) for group in files}
    other = [group for group in pixels if tuple(group) not in by_bytes]
    problems = [
        _problem(records, group, f"{len(group):,} files are byte for byte the same")
        for group in files
    ]
    problems += [
        _problem(records, group, f"{len(group):,} files decode to exactly the same pixels")
        for group in other
    ]
    copies = sum(len(group) for group in files)
    summary = (
        f"{plural(copies, 'file')} in {plural(len(files), 'group')} of identical bytes; "
        f"{plural(len(other), 'more group')} of identical pixels; {_crossing(records, problems)}"
    )
    return Check(
        name="identical",
        title="Exact duplicates",
        explanation=(
            "Files with the same SHA-256, and files that decode to the same grey values in "
            "different wrapping. Copies in one split weigh a picture twice; copies in two splits "
            "let a model be tested on what it was trained on."
        ),
        summary=summary,
        problems=_worst_first(problems),
        figures={
            "groups_of_identical_files": len(files),
            "identical_files": copies,
            "groups_of_identical_pixels": len(other),
            **_spread(records, [*files, *other]),
        },
    )


def near_duplicates(
    records: Sequence[Record],
    pairs: Sequence[DuplicatePair],
    groups: Sequence[Sequence[int]],
    same: Sequence[Sequence[int]],
) -> Check:
    """Groups of pictures that verified pairs connect, apart from those that are identical.

    Args:
        records: of the manifest.
        pairs: verified by pixels.
        groups: connected components of the pairs, as positions of records.
        same: groups of identical files or pixels, which another check reports.
    """
    content = {position: group[0] for group in same for position in group}
    found: dict[int, list[DuplicatePair]] = {}
    home = {position: number for number, group in enumerate(groups) for position in group}
    for pair in pairs:
        if content.get(pair.first, pair.first) != content.get(pair.second, pair.second):
            found.setdefault(home[pair.first], []).append(pair)
    problems = [
        _problem(
            records, groups[number], _near_sentence(groups[number], members), _evidence(members)
        )
        for number, members in sorted(found.items())
    ]
    kept = [pair for members in found.values() for pair in members]
    crossing = sum(places_of([records[pair.first], records[pair.second]]) != {} for pair in kept)
    return Check(
        name="near_duplicates",
        title="Near-duplicates",
        explanation=(
            "Pictures of one exposure that were copied with changes (compressed, resized, turned, "
            "mirrored, cropped, inverted, brightened). Candidates come from perceptual hashes and "
            "embeddings, and every pair shown was then verified by aligning its pixels. Two "
            "exposures of one patient are no near-duplicates."
        ),
        summary=(
            f"{plural(len(kept), 'verified pair')} in {plural(len(problems), 'group')}; "
            f"{_crossing(records, problems)}"
        ),
        problems=_worst_first(problems),
        figures={
            "pairs": len(kept),
            "pairs_across_splits": crossing,
            "groups": len(problems),
            "mirrored_pairs": sum(pair.mirrored for pair in kept),
            "inverted_pairs": sum(pair.inverted for pair in kept),
            "turned_pairs": sum(abs(pair.rotation) > 1 for pair in kept),
            **_spread(records, [groups[number] for number in found]),
        },
    )


def patients(records: Sequence[Record]) -> Check:
    """Patients and studies that lie in several splits or folds."""

    def patient(position: int) -> tuple[str, str] | None:
        record = records[position]
        return (record.source, record.patient) if record.patient else None

    def study(position: int) -> tuple[str, str] | None:
        record = records[position]
        return (record.source, record.study) if record.study and not record.patient else None

    of_patients, of_studies = alike(records, patient), alike(records, study)
    problems = [
        _problem(
            records, group, f"{len(group):,} images are of {records[group[0]].source}'s {what}"
        )
        for kind, groups in (("patient", of_patients), ("study", of_studies))
        for group in groups
        if places_of([records[position] for position in group])
        for what in [f"{kind} {getattr(records[group[0]], kind)}"]
    ]
    series = find_series(records)
    torn = [
        group
        for group in alike(records, lambda position: series.get(records[position].id))
        if places_of([records[position] for position in group])
    ]
    problems += [
        AuditProblem(
            "warning",
            f"{plural(len(group), 'image')} of {records[group[0]].source} follow each other, show "
            f"one region and lie in {listed(places_of([records[at] for at in group]))}: where a "
            "source names no patients, they may be of one",
            tuple(records[position].id for position in group),
        )
        for group in torn
    ]
    unknown = sum(record.patient is None and record.study is None for record in records)
    if unknown:
        problems.append(
            AuditProblem(
                "note",
                f"{unknown:,} of {plural(len(records), 'record')} have neither patient nor study, "
                "so nobody can tell whether a patient of theirs lies in several splits",
                (),
            )
        )
    return Check(
        name="patients",
        title="Patients and studies",
        explanation=(
            "Images of one patient resemble each other, so a patient belongs in one split. "
            "Identifiers count within their source alone; studies count where the source names "
            "no patient. In sources that name neither, images that follow each other and show one "
            "region may be of one patient."
        ),
        summary=(
            f"{plural(len(of_patients), 'patient')} and {len(of_studies):,} studies with "
            f"several images; {_crossing(records, problems)}; {unknown:,} of "
            f"{plural(len(records), 'record')} without patient and study"
        ),
        problems=_worst_first(problems),
        figures={
            "patients_with_several_images": len(of_patients),
            "studies_with_several_images": len(of_studies),
            "records_without_either": unknown,
            "across_splits": sum(problem.severity == "leak" for problem in problems),
            "series_across_splits": len(torn),
        },
    )


def groups(records: Sequence[Record]) -> Check:
    """Groups that the manifest itself names and that lie in several splits or folds."""
    named = alike(records, lambda position: records[position].group)
    problems = [
        _problem(records, group, f"{len(group):,} images are of group {records[group[0]].group}")
        for group in named
        if places_of([records[position] for position in group])
    ]
    return Check(
        name="groups",
        title="Groups of the manifest",
        explanation="Records that the manifest puts in one group must stay in one split.",
        summary=f"{plural(len(named), 'group')} of several images; {_crossing(records, problems)}",
        problems=_worst_first(problems),
        figures={"groups": len(named), "across_splits": len(problems)},
    )


def has_split(records: Sequence[Record]) -> bool:
    """Whether any record lies in a split or in a fold."""
    return any(record.split is not None or record.fold is not None for record in records)


def _problem(
    records: Sequence[Record],
    group: Sequence[int],
    what: str,
    evidence: Mapping[str, Any] | None = None,
) -> AuditProblem:
    members = [records[position] for position in group]
    places, splits = places_of(members), splits_of(members)
    severity: Severity = "note"
    if places:
        severity, where = "leak", f" and lie in {listed(places)}"
    elif splits and set(splits) <= {"valid", "test"}:
        severity, where = "warning", f", all in {listed(splits)}, and count several times there"
    else:
        where = f", all in {listed(splits)}" if splits else ""
    return AuditProblem(
        severity=severity,
        sentence=f"{what}{where}.",
        records=tuple(record.id for record in members),
        evidence={
            "splits": splits,
            "labels": dict(sorted(Counter(record.label for record in members).items())),
            **(evidence or {}),
        },
    )


def _near_sentence(group: Sequence[int], pairs: Sequence[DuplicatePair]) -> str:
    changes = [
        name
        for name, seen in (
            ("mirrored", any(pair.mirrored for pair in pairs)),
            ("inverted", any(pair.inverted for pair in pairs)),
            ("turned", any(abs(pair.rotation) > 1 for pair in pairs)),
        )
        if seen
    ]
    how = f" (some {', '.join(changes)})" if changes else ""
    return f"{len(group):,} pictures show one exposure{how}"


def _evidence(pairs: Sequence[DuplicatePair]) -> dict[str, Any]:
    similarities = [round(pair.similarity, 4) for pair in pairs]
    return {
        "verified_pairs": len(pairs),
        "similarity": [min(similarities), max(similarities)],
        "mirrored": any(pair.mirrored for pair in pairs),
        "inverted": any(pair.inverted for pair in pairs),
        "largest_rotation": round(max(abs(pair.rotation) for pair in pairs), 1),
    }


def _spread(records: Sequence[Record], groups: Sequence[Sequence[int]]) -> dict[str, Any]:
    """For every pair of splits, how many groups lie in both; the records touched in each split."""
    shared: Counter[str] = Counter()
    touched: Counter[str] = Counter()
    for group in groups:
        members = [records[position] for position in group]
        splits = splits_of(members)
        names = list(splits)
        for number, first in enumerate(names):
            shared.update(f"{first} and {second}" for second in names[number + 1 :])
        if len(splits) > 1:
            touched.update(splits)
    return {
        "groups_across_splits": dict(shared),
        "records_with_a_copy_in_another_split": dict(touched),
    }


def _crossing(records: Sequence[Record], problems: Sequence[AuditProblem]) -> str:
    if not has_split(records):
        return NO_SPLIT
    leaking = sum(problem.severity == "leak" for problem in problems)
    return f"{leaking:,} across splits" if leaking else "none across splits"


def _worst_first(problems: Sequence[AuditProblem]) -> tuple[AuditProblem, ...]:
    return tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity)))
