"""Which objects are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from pydicom import uid

from fractura.dicom.network.received import Received, receive
from fractura.dicom.network.rules import decide
from fractura.dicom.results.common import to_bytes
from fractura.dicom.results.make import MAKERS
from tests.dicom.results.material import radiograph, read_image


@dataclass(frozen=True)
class _Rule:
    read: bool = True
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    to: tuple[str, ...] = ()


ALL = (_Rule(),)
HAND = receive(radiograph(), calling_title="WARD", address="10.0.0.1")


def test_the_first_rule_that_fits_decides():
    rules = (
        _Rule(read=False, titles=("CT1",)),
        _Rule(modalities=("CR", "DX"), body_parts=("HAND", "FOOT"), to=("pacs",)),
        _Rule(modalities=("CR",), to=("other",)),
    )
    assert decide(HAND, rules).read
    assert decide(HAND, rules).to == ("pacs",)
    assert decide(replace(HAND, body_part="HIP"), rules).to == ("other",)
    refused = decide(replace(HAND, calling_title="CT1"), rules)
    assert (refused.read, refused.reason, refused.to) == (False, "rule 1 does not read it", ())
    assert decide(replace(HAND, modality="DX", body_part="HIP"), rules).reason == "no rule reads it"
    assert not decide(HAND, ()).read


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY"]}, "it is a derived image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "it is a localiser"),
        ({"SOPClassUID": uid.CTImageStorage, "Modality": "CT"}, "it is no radiograph"),
        ({"SOPClassUID": uid.BasicTextSRStorage, "Modality": "SR"}, "it is no radiograph"),
        (
            {"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "OT"},
            "it is a secondary capture that is no radiograph",
        ),
    ],
)
def test_what_is_no_radiograph_from_a_detector_is_never_read(changes, reason):
    verdict = decide(receive(radiograph(**changes)), ALL)
    assert (verdict.read, verdict.reason) == (False, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ImageType": ["ORIGINAL", "PRIMARY"]},
        {"ImageType": ["DERIVED", "PRIMARY"]},
        {"ImageType": ""},
        {"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "RG"},
        {"SOPClassUID": uid.DigitalXRayImageStorageForPresentation, "Modality": "DX"},
    ],
)
def test_radiographs_are_read(changes):
    assert decide(receive(radiograph(**changes)), ALL).read


@pytest.mark.parametrize("kind", MAKERS)
def test_our_own_results_are_never_read(kind):
    result = receive(to_bytes(MAKERS[kind](read_image(radiograph()))))
    assert decide(result, ALL).reason == "it is a result of this software"
    assert isinstance(result, Received)
