"""The fixture ``orthanc``: import ``orthanc_fixture`` where it is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dicom.network.peers import Orthanc, running_orthanc


@pytest.fixture(name="orthanc")
def orthanc_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An empty Orthanc with DICOMweb; skipped where it is not installed."""
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server
