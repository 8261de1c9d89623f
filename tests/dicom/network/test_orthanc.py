"""A real Orthanc on the other side: DICOMweb and C-STORE, both ways."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_network

from pydicom import uid

from fractura.dicom.network.node import Caller
from fractura.dicom.network.send import c_store
from fractura.dicom.network.web import InstanceReference, fetch, new_images, stow
from fractura.dicom.results.common import to_bytes
from fractura.dicom.results.make import MAKERS
from tests.dicom.network.orthanc import orthanc_fixture  # noqa: F401
from tests.dicom.network.peers import dataset_of, running
from tests.dicom.results.material import radiograph, read_image


def test_results_are_stored_found_and_fetched(orthanc):
    image = read_image(radiograph())
    results = [to_bytes(make(image)) for make in MAKERS.values()]
    stow([radiograph(), *results], orthanc.dicomweb, None)
    assert len(orthanc.instances()) == 4
    (reference,) = new_images(orthanc.dicomweb, None, ["CR", "DX"], date(2024, 2, 29))
    assert reference == InstanceReference(
        "1.2.3", "1.2.3.5", "1.2.3.4", uid.ComputedRadiographyImageStorage
    )
    assert list(new_images(orthanc.dicomweb, None, ["CR"], date(2024, 3, 1))) == []
    assert dataset_of(fetch(orthanc.dicomweb, None, reference)) == dataset_of(radiograph())


def test_pages_of_an_archive_give_each_image_once(orthanc):
    uids = [f"1.2.3.{number}" for number in range(1000, 1230)]
    stow([radiograph(SOPInstanceUID=name) for name in uids], orthanc.dicomweb, None)
    references = list(new_images(orthanc.dicomweb, None, ["CR"], date(2024, 2, 29)))
    assert sorted(item.sop_instance_uid for item in references) == uids


def test_orthanc_sends_to_the_node_and_takes_from_the_sender(orthanc):
    syntaxes = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian)
    sent = [radiograph(SOPInstanceUID=f"1.2.3.{n}", syntax=s) for n, s in enumerate(syntaxes, 1)]
    names = [orthanc.upload(data) for data in sent]
    with running(title="FRACTURA", callers=(Caller(orthanc.title, ip_network("127.0.0.1")),)) as (
        node,
        received,
    ):
        orthanc.add_modality("fractura", "FRACTURA", node.port)
        assert orthanc.send("fractura", names) == 200
    assert sorted(dataset_of(item.data) for item in received) == sorted(map(dataset_of, sent))
    result = to_bytes(MAKERS["SR"](read_image(radiograph())))
    c_store(
        [result],
        title=orthanc.title,
        host="127.0.0.1",
        port=orthanc.dicom_port,
        calling_title="FRACTURA",
    )
    (new,) = set(orthanc.instances()) - set(names)
    assert dataset_of(orthanc.file(new)) == dataset_of(result)
