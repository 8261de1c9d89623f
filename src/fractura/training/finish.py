"""What an exported file says of the run that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import BOXES, FRACTURES
from fractura.errors import FracturaError
from fractura.evaluation.cases import cluster
from fractura.evaluation.leaks import content_marks, file_marks
from fractura.ood.scope import Scope
from fractura.reading.calibration import (
    Calibration,
    ConformalGuarantee,
    OperatingPoint,
    OperatingPoints,
)
from fractura.reading.model import ModelDescription
from fractura.reading.trained_on import KEY, pack
from fractura.regions import CLASSES, REGIONS
from fractura.training.calibrate import (
    UNREACHABLE_SCORE,
    CalibrationError,
    any_hit,
    calibrate_classes,
    calibrate_fractures,
    choose_operating_points,
)
from fractura.training.export.fit_ood import remember
from fractura.training.outputs import read_all, records_of
from fractura.training.run_folder import (
    Run,
    all_trained,
    load_network,
    started_from,
    weights_digest,
)
from fractura.training.tasks.adapter import UncalibratedPrediction
from fractura.training.validation_metrics import true_classes

HALF = OperatingPoint(0.5, UNREACHABLE_SCORE)
"""Of models that tell no fractures, which have no operating points of their own."""


YOUNGEST = 16.0
"""Age in years from which on multi-task models may be used; a policy: FracAtlas gives no ages."""

UNCALIBRATED = "uncalibrated"
"""Where a model's provenance says what of it is not calibrated, and why."""

NO_HIT = (
    "no box on the validation radiographs hits a fracture, so the boxes' scores are not calibrated"
)

AS_IT_IS = Calibration(1.0, 0.0, 1.0, 0.0)
"""The calibration that leaves a network's probabilities as they are."""


def describe_run(
    run: Run, manifest: Path | None = None, version: str = "1", *, calibrated: bool = True
) -> ModelDescription:
    """Calibrate a run on its validation split and describe it.

    Args:
        run: with weights.
        manifest: that it was trained with, if it lies elsewhere by now.
        version: of the model.
        calibrated: refuse a run that cannot be calibrated. Without it, such a run keeps the
            network's own probabilities, and its provenance says why (:data:`UNCALIBRATED`). A
            run whose boxes hit nothing is not refused: its boxes keep the network's own scores,
            and its provenance says so.

    Raises:
        CalibrationError: the validation radiographs do not allow to calibrate.
        FracturaError: the manifest or its radiographs are not there.
    """
    path = manifest or Path(run.info["manifest"]["path"])
    records = unseen(run, path, records_of(run, path, "valid"))
    network = load_network(run)
    predictions = read_all(network, run.recipe, records)
    uncalibrated: dict[str, object] = {}
    try:
        calibration, points, guarantee = fit_to(run, records, predictions)
        if run.recipe.task in BOXES and not any_hit(predictions):
            uncalibrated[UNCALIBRATED] = NO_HIT
    except CalibrationError as error:
        if calibrated:
            raise
        calibration, points, guarantee = AS_IT_IS, OperatingPoints(HALF, HALF), None
        uncalibrated[UNCALIBRATED] = str(error)
    return ModelDescription(
        name=run.recipe.name,
        version=version,
        preprocess=run.recipe.data.preprocess,
        regions=CLASSES if run.recipe.task == "multi-task" else (),
        calibration=calibration,
        operating_points=points,
        provenance=provenance(run, path) | uncalibrated,
        task=run.recipe.task,
        classes=run.classes,
        guarantee=guarantee,
        ood=remember(run, network, path, records),
        scope=_scope(run) if run.recipe.task == "multi-task" else None,
    )


def _scope(run: Run) -> Scope:
    """What a multi-task run is meant for; its limits are chosen by ``fractura calibrate``."""
    return Scope(
        regions=REGIONS,
        youngest=YOUNGEST,
        modalities=("CR", "DX"),
        projections=("frontal", "lateral", "oblique"),
        learnt_from=tuple(run.info["sources"]),
        never_seen=("spine", "skull", "ribs", "CT", "MR"),
    )


def unseen(run: Run, manifest: Path, records: Sequence[Record]) -> list[Record]:
    """Those whose groups hold nothing that the run's weights, or the ones before, have seen.

    Raises:
        FracturaError: there is none.
    """
    trained = all_trained(run)
    seen = {
        cluster(record)
        for record in read_manifest(manifest).records
        if record.id in trained or not trained.isdisjoint(file_marks([record]))
    }
    kept = [record for record in records if cluster(record) not in seen]
    if not kept:
        raise FracturaError(
            f"the weights that {run.folder} started from have seen all of its validation split; "
            "split the manifest so that they have not"
        )
    return kept


def fit_to(
    run: Run, records: Sequence[Record], predictions: Sequence[UncalibratedPrediction]
) -> tuple[Calibration, OperatingPoints, ConformalGuarantee | None]:
    """Calibration, operating points and what they promise, for the run's task."""
    task = run.recipe.task
    truth = true_classes(records, task, run.classes)
    if len(run.classes) > 2:
        return calibrate_classes(predictions, truth), OperatingPoints(HALF, HALF), None
    calibration = calibrate_fractures(predictions, truth == 1, task in BOXES)
    if task not in FRACTURES:
        return calibration, OperatingPoints(HALF, HALF), None
    return calibration, *choose_operating_points(predictions, truth == 1, calibration)


def provenance(run: Run, manifest: Path) -> dict[str, object]:
    """Where a model comes from; names no path of the machine."""
    trained = all_trained(run)
    learnt = [record for record in read_manifest(manifest).records if record.id in trained]
    model = run.recipe.model
    recipe = run.recipe.model_dump(mode="json")
    recipe["model"]["pretrained"] = Path(model.pretrained).stem
    recipe["model"]["base_runs"] = [Path(path).parent.name or path for path in model.base_runs]
    return {
        "data": ", ".join(run.info["sources"]),
        "data_licences": run.info["licences"],
        "weights": weights_digest(run),
        "started_from": started_from(model),
        "manifest": run.info["manifest"]["hash"],
        "images": run.info["counts"],
        KEY: pack(trained | content_marks(learnt)),
        "recipe": recipe,
        "seed": run.recipe.trainer.seed,
        "date": run.info["begun"],
        "revision": run.info["revision"],
        "versions": run.info["versions"],
    }
