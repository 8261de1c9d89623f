"""C-STORE to dcmtk's storescp and to our own node."""

from __future__ import annotations

import pytest
from pydicom import uid

from fractura.dicom.network.errors import DeliveryError
from fractura.dicom.network.send import c_store
from fractura.dicom.results.common import to_bytes
from fractura.dicom.results.make import MAKERS
from tests.dicom.network.peers import dataset_of, free_port, running, storescp
from tests.dicom.results.material import radiograph, read_image


def send(objects, port, *, title="FRACTURA", host="127.0.0.1"):
    c_store(objects, title=title, host=host, port=port, calling_title="SENDER", timeout=5)


def test_storescp_gets_all_results_byte_by_byte(tmp_path):
    image = read_image(radiograph())
    results = [to_bytes(make(image)) for make in MAKERS.values()]
    with storescp(tmp_path) as port:
        send(results, port)
    written = [dataset_of(path.read_bytes()) for path in tmp_path.iterdir()]
    assert sorted(written) == sorted(map(dataset_of, results))


def test_a_compressed_object_is_sent_as_it_is(tmp_path):
    syntax = uid.RLELossless
    pixels = bytes.fromhex("feff00e0 00000000 feff00e0 04000000 01020304 feffdde0 00000000")
    body = dataset_of(radiograph(PixelData=None))
    element = bytes.fromhex("e07f1000") + b"OB\0\0\xff\xff\xff\xff" + pixels
    head = radiograph(PixelData=None)
    data = head.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0") + element
    assert syntax == "1.2.840.10008.1.2.5"
    with storescp(tmp_path) as port:
        send([data], port)
    (path,) = tmp_path.iterdir()
    assert dataset_of(path.read_bytes()) == body + element


def test_a_peer_that_takes_only_implicit_gets_implicit(tmp_path):
    with storescp(tmp_path, "+xi") as port:
        send([radiograph()], port)
    (path,) = tmp_path.iterdir()
    implicit = radiograph(syntax=uid.ImplicitVRLittleEndian)
    assert dataset_of(path.read_bytes()) == dataset_of(implicit)


def test_each_object_has_its_status():
    answers = {"1.2.3.1": "stored", "1.2.3.2": "full", "1.2.3.3": "refused", "1.2.3.4": "stored"}
    objects = [radiograph(SOPInstanceUID=name) for name in answers]
    with (
        running(lambda item: answers[item.sop_instance_uid]) as (node, _),
        pytest.raises(DeliveryError) as caught,
    ):
        send(objects, node.port)
    assert caught.value.statuses == (0, 0xA700, 0xC000, 0)
    assert str(caught.value) == (
        f"FRACTURA at 127.0.0.1:{node.port}: 2 of 4 objects were not stored (status 0xA700)"
    )


def test_each_way_to_fail_has_its_sentence(tmp_path):
    port = free_port()
    with pytest.raises(DeliveryError, match=rf"FRACTURA at 127\.0\.0\.1:{port}: no connection$"):
        send([radiograph()], port)
    with pytest.raises(DeliveryError, match="the host is not known"):
        send([radiograph()], port, host="nowhere.invalid")
    with pytest.raises(DeliveryError, match="an object to be sent is no whole DICOM file"):
        send([b"nothing"], port)
    with running() as (node, _):
        with pytest.raises(
            DeliveryError, match=r"rejected \(called ae title not recognised\)"
        ) as no:
            send([radiograph()], node.port, title="OTHER")
        assert no.value.statuses == (None,)
        private = radiograph(SOPClassUID="1.2.3.4.5")
        with pytest.raises(DeliveryError, match="it accepts no such objects"):
            send([private], node.port)
        with pytest.raises(DeliveryError) as partly:
            send([private, radiograph()], node.port)
        assert partly.value.statuses == (None, 0)
