"""``fractura data deidentify``: DICOM folders without their patients' names."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from fractura.batch.paths import find_inputs
from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.findings import Failure
from fractura.progress import with_progress
from fractura.spreadsheet import write_rows
from fractura.text import printable

TABLE = "deidentified.csv"


def deidentify(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="DICOM files or folders.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the de-identified files.")],
    key: Annotated[
        Path | None,
        typer.Option(
            help="Secret from which pseudonyms follow; made if it is not there. "
            "By default OUT.key, beside the folder.",
        ),
    ] = None,
) -> None:
    """Remove who the patient is from the headers of DICOM images (PS3.15 Basic Profile).

    The same key gives a patient the same pseudonym and a study the same new UIDs, in every run.
    Keep it secret: who has it can test guesses of identifiers. Pictures are not changed; those
    that may hold text are listed, and a person must look at them. No rule finds all text.

    \b
    fractura data deidentify export/ --out shared
    fractura data deidentify monday/ tuesday/ --out shared --key hospital.key
    """
    from fractura.atomic_write import make_folder, write_whole
    from fractura.batch.read_files import failure
    from fractura.dicom.deidentify import deidentify as clean
    from fractura.dicom.pseudonyms import read_or_make_key
    from fractura.errors import FracturaError

    inputs = find_inputs(paths)
    if any(
        Path(item).resolve().is_relative_to(out.resolve())
        for item in inputs
        if isinstance(item, str)
    ):
        raise WrongUsageError(f"{out} holds files to read; choose another folder for the results")
    named = out if out.name else out.resolve()
    key_file = key or named.with_name(named.name + ".key")
    if key_file.resolve().is_relative_to(out.resolve()):
        raise WrongUsageError(f"{key_file} would lie among the files to share; put it elsewhere")
    make_folder(out)
    secret = read_or_make_key(key_file)

    rows: list[tuple[str, str]] = []
    written: dict[Path, str] = {}
    failures: list[Failure] = []
    to_look: list[tuple[str, str]] = []
    for item in with_progress(inputs, len(inputs), "De-identifying"):
        if isinstance(item, Failure):
            failures.append(item)
            continue
        try:
            result = clean(Path(item), secret)
        except FracturaError as error:
            failures.append(failure(item, error))
            continue
        place = Path(result.patient, result.study, f"{result.instance}.dcm")
        digest = sha256(result.data).hexdigest()
        if written.setdefault(place, digest) != digest:
            message = (
                f"{item}: another file has its SOP Instance UID and other content; renumber it"
            )
            failures.append(Failure(item, "DamagedFileError", message))
            continue
        make_folder((out / place).parent)
        write_whole(out / place, result.data)
        look = "; ".join(result.look)
        rows.append((place.as_posix(), look))
        if look:
            to_look.append((item, look))
    _write_table(out / TABLE, rows)

    for lost in failures:
        show(f"left out: {printable(lost.message)}", "magenta")
    for path, why in to_look:
        show(f"look at the picture: {printable(path)}: {why}", "yellow")
    show(
        f"{len(rows):,} images de-identified as {len(written):,} files in {printable(str(out))}, "
        f"{len(to_look):,} of them to be looked at for text, {len(failures):,} files left out."
    )
    show(f"The key is {printable(str(key_file))}: keep it secret, and away from {out.name}.")
    if failures:
        raise typer.Exit(1)


def _write_table(path: Path, rows: list[tuple[str, str]]) -> None:
    from fractura.atomic_write import write_whole

    text = io.StringIO()
    write_rows(text, [("file", "look_at_the_picture_because"), *sorted(set(rows))])
    write_whole(path, text.getvalue().encode())
