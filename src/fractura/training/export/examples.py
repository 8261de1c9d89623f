"""A run's validation radiographs, fitted as for inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.errors import LoadError, OtherManifestError
from fractura.training.data.loader import read_evaluation_image
from fractura.training.export.measure import Example
from fractura.training.run_folder import Run
from fractura.training.validation_metrics import true_classes


class Validation:
    """Examples of a run's validation split, read anew each time that one goes through them.

    Radiographs that cannot be read are left out.
    """

    def __init__(self, run: Run, manifest: Path | None = None, limit: int | None = None) -> None:
        """Find the records.

        Args:
            run: a trained run.
            manifest: where its manifest lies now, if it was moved.
            limit: take so many, spread over the split.

        Raises:
            FracturaError: the manifest cannot be read, or is another one.
        """
        path = manifest or Path(run.info["manifest"]["path"])
        table = read_manifest(path)
        if table.content_hash != run.info["manifest"]["hash"]:
            raise OtherManifestError(f"{path} is not the manifest that {run.folder} was trained on")
        known = {record.id: record for record in table.records}
        records = [known[name] for name in run.split["valid"]]
        step = 1 if limit is None else max(1, len(records) // limit)
        self._records: Sequence[Record] = records[::step][:limit]
        self._fit = run.recipe.data.preprocess
        self._truths = true_classes(self._records, run.recipe.task, run.classes)

    def __iter__(self) -> Iterator[Example]:
        for record, truth in zip(self._records, self._truths, strict=True):
            try:
                sample = read_evaluation_image(record, self._fit)
            except LoadError:
                continue
            yield Example(sample.image.numpy(), int(truth), sample.boxes)
