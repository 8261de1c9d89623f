"""Run the stages of a pipeline, and go on where they were interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fractura.errors import FracturaError, RunExistsError
from fractura.training.pipeline import StageRun
from fractura.training.run import train
from fractura.training.run_folder import INFO, Run, read_run
from fractura.training.trainer import Machine, is_rank_zero
from fractura.training.training_data import select


def train_stages(
    stages: Sequence[StageRun],
    manifest: Path,
    *,
    machine: Machine = Machine(),  # noqa: B008
    resume: bool = False,
    log: Any = print,
) -> Run:
    """Run one stage after the other; all share one cache of decoded radiographs.

    Args:
        stages: from :func:`fractura.training.pipeline.read_stages`.
        manifest: what all of them learn from.
        machine: where to do it.
        resume: leave out the stages that are finished, and go on in the one that is not.
        log: takes sentences for a person.

    Returns:
        The last stage's run.

    Raises:
        RunExistsError: a folder holds a run already and ``resume`` is false.
        FracturaError: a stage has begun on runs that are not finished; as
            :func:`fractura.training.run.train`.
        StoppedError: a person stopped it; ``resume`` goes on.
    """
    finished = [resume and _is_finished(stage, manifest) for stage in stages]
    if is_rank_zero():
        _refuse(stages, finished, resume)
    shared = replace(machine, cache=machine.cache or stages[-1].folder.parent / ".cache")
    for number, (stage, done) in enumerate(zip(stages, finished, strict=True), start=1):
        if len(stages) > 1 and is_rank_zero():
            state = "is finished" if done else f"trains in {stage.folder}"
            log(f"Stage {number} of {len(stages)}, {stage.recipe.name}, {state}.")
        if not done:
            train(stage.recipe, manifest, stage.folder, machine=shared, resume=resume, log=log)
    return read_run(stages[-1].folder)


def _has_begun(stage: StageRun) -> bool:
    return (stage.folder / INFO).is_file()


def _is_finished(stage: StageRun, manifest: Path) -> bool:
    """Whether the stage's run has ended, by this recipe and on this manifest."""
    if not _has_begun(stage):
        return False
    run = read_run(stage.folder)
    if "finished" not in run.info or run.recipe != stage.recipe:
        return False
    return bool(run.info["manifest"]["hash"] == select(stage.recipe, manifest).manifest)


def _refuse(stages: Sequence[StageRun], finished: Sequence[bool], resume: bool) -> None:
    done = {stage.folder for stage, one in zip(stages, finished, strict=True) if one}
    for stage in stages:
        if not _has_begun(stage):
            continue
        if not resume:
            raise RunExistsError(stage.folder)
        unfinished = [str(folder) for folder in stage.base if folder not in done]
        if unfinished:
            raise FracturaError(
                f"{stage.folder} stands on {', '.join(unfinished)}, which would be trained on or "
                "anew; choose another folder for the run"
            )
