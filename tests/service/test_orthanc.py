"""Studies go from a PACS (Orthanc) to a running process, and their results come back."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("fastapi")
pytest.importorskip("pynetdicom")
pytest.importorskip("highdicom")

import highdicom as hd
from pydicom import Dataset, dcmread, uid

from fractura.service.settings import ServiceSettings
from fractura.service.store.audit import audit_lines
from fractura.service.store.open import close_store, open_store
from fractura.service.store.queue import queue_length
from tests.dicom.network.orthanc import orthanc_fixture  # noqa: F401
from tests.dicom.network.peers import Orthanc, free_port, wait_for_port
from tests.dicom.results.material import radiograph

IMAGES = ("1.2.3.4", "1.2.3.9")
DERIVED = radiograph(SOPInstanceUID="1.2.3.10", ImageType=["DERIVED", "SECONDARY"])
KINDS = {
    "SR": uid.Comprehensive3DSRStorage,
    "PR": uid.GrayscaleSoftcopyPresentationStateStorage,
    "SC": uid.SecondaryCaptureImageStorage,
}
BY = {
    "C-STORE": 'title = "ORTHANC"\nhost = "127.0.0.1"\nport = {dicom_port}',
    "STOW-RS": 'url = "{dicomweb}"',
}


@contextmanager
def running_node(folder: Path, destination: str, environment: dict[str, str]) -> Iterator[int]:
    """``fractura node`` in a process of its own; gives its DICOM port."""
    port, http_port = free_port(), free_port()
    config, log = folder / "node.toml", folder / "node.log"
    config.write_text(f"""
data = "{folder / "data"}"
port = {http_port}
readers = 1
[node]
port = {port}
first_wait_seconds = 0.5
peers = [{{ title = "ORTHANC", address = "127.0.0.1" }}]
[[node.destinations]]
name = "pacs"
{destination}
""")
    command = [
        sys.executable,
        "-c",
        "from fractura.cli.node import app; app()",
        "--config",
        str(config),
    ]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        try:
            wait_for_port(port, process, 60)
        except AssertionError:
            pytest.fail(log.read_text())
        yield port
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(20)
    for name in ("Doe", "Jane", "P1", "House", "19610312"):
        assert name not in log.read_text()


@pytest.mark.parametrize("by", BY)
def test_a_study_comes_back_with_its_results(
    tmp_path: Path,
    by: str,
    orthanc: Orthanc,
    command_environment: dict[str, str],
) -> None:
    sent = [radiograph(SOPInstanceUID=name) for name in IMAGES]
    names = [orthanc.upload(data) for data in (*sent, DERIVED)]
    destination = BY[by].format(dicom_port=orthanc.dicom_port, dicomweb=orthanc.dicomweb)
    with running_node(tmp_path, destination, command_environment) as port:
        orthanc.add_modality("fractura", "FRACTURA", port)
        assert orthanc.send("fractura", names) == 200
        wait_for_instances(orthanc, len(names) + len(IMAGES) * len(KINDS))
        # The same study again, and the results themselves, bring nothing new.
        assert orthanc.send("fractura", orthanc.instances()) == 200
        time.sleep(2)
    new = [name for name in orthanc.instances() if name not in names]
    results = [dcmread(BytesIO(orthanc.file(name))) for name in new]
    assert sorted(item.SOPClassUID for item in results) == sorted(list(KINDS.values()) * 2)
    source = dcmread(BytesIO(sent[0]))
    for result in results:
        for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber"):
            assert result[keyword].value == source[keyword].value
        assert result.SeriesInstanceUID != source.SeriesInstanceUID
    assert sorted((item.SOPClassUID, *refers_to(item)) for item in results) == sorted(
        (kind, image) for kind in KINDS.values() for image in IMAGES
    )
    if shutil.which("dciodvfy"):
        for result in results:
            if refers_to(result) == {IMAGES[0]}:
                assert not faults(result, tmp_path)


def test_new_studies_of_an_archive_are_fetched_and_read_once(
    tmp_path: Path, orthanc: Orthanc, command_environment: dict[str, str]
) -> None:
    today = f"{datetime.now(UTC):%Y%m%d}"
    before = {"StudyInstanceUID": "1.2.4", "SOPInstanceUID": "1.2.4.1"}
    orthanc.upload(radiograph(**before, SeriesInstanceUID="1.2.4.5", StudyDate="20240229"))
    archive = f'''{BY["STOW-RS"].format(dicomweb=orthanc.dicomweb)}
[[node.archives]]
name = "vna"
url = "{orthanc.dicomweb}"
modalities = ["CR", "SR", "PR", "OT"]
every_seconds = 0.5
'''
    with running_node(tmp_path, archive, command_environment):
        for number, name in enumerate(IMAGES, 1):
            orthanc.upload(radiograph(SOPInstanceUID=name, StudyDate=today))
            # The second image waits for a round that also meets the results of the first.
            wait_for_instances(orthanc, 1 + number * (1 + len(KINDS)))
        log, end = tmp_path / "node.log", time.monotonic() + 60
        while log.read_text().count("a result of this software") < len(IMAGES) * len(KINDS):
            assert time.monotonic() < end
            time.sleep(0.2)
        time.sleep(1)  # two more rounds
    results = [dcmread(BytesIO(orthanc.file(name))) for name in orthanc.instances()]
    assert sorted(
        (item.SOPClassUID, *refers_to(item))
        for item in results
        if item.SOPClassUID in KINDS.values()
    ) == sorted((kind, image) for kind in KINDS.values() for image in IMAGES)
    assert len(results) == 1 + len(IMAGES) * (1 + len(KINDS))
    store = open_store(ServiceSettings(data=tmp_path / "data"))
    try:
        assert queue_length(store) == {"queued": 0, "running": 0, "done": len(IMAGES), "failed": 0}
        lines = audit_lines(store, datetime(2000, 1, 1, tzinfo=UTC), 100)
    finally:
        close_store(store)
    actions = Counter(line.action for line in lines)
    assert actions == {
        "submit": len(IMAGES),
        "read": len(IMAGES),
        "skip": len(IMAGES) * len(KINDS),
    }
    assert {line.who for line in lines if line.action == "submit"} == {"@vna"}


def wait_for_instances(orthanc: Orthanc, count: int) -> None:
    end = time.monotonic() + 60
    while len(orthanc.instances()) < count:
        assert time.monotonic() < end, f"{len(orthanc.instances())} of {count} came"
        time.sleep(0.2)


def refers_to(result: Dataset) -> set[str]:
    """The images that highdicom finds a result to be about."""
    if result.SOPClassUID == KINDS["SR"]:
        buffer = BytesIO()
        result.save_as(buffer, enforce_file_format=True)
        buffer.seek(0)
        report = hd.sr.srread(buffer)
        return {
            str(instance.ReferencedSOPInstanceUID)
            for study in report.CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for instance in series.ReferencedSOPSequence
        }
    if result.SOPClassUID == KINDS["PR"]:
        return {
            str(image.ReferencedSOPInstanceUID)
            for series in result.ReferencedSeriesSequence
            for image in series.ReferencedImageSequence
        }
    picture = hd.Image.from_dataset(result)
    assert picture.get_frame(1).shape[:2] == (result.Rows, result.Columns)
    return {str(image.ReferencedSOPInstanceUID) for image in picture.SourceImageSequence}


def faults(result: Dataset, folder: Path) -> list[str]:
    file = folder / "result.dcm"
    result.save_as(file, enforce_file_format=True)
    answer = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
    return [line for line in answer.stderr.splitlines() if line.startswith("Err")]
