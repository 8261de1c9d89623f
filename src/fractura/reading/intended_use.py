"""Whether a header names a patient or a part of the body that a model is not meant for."""

from __future__ import annotations

from fractura.findings import Reason
from fractura.ood.scope import Scope

OUTSIDE_PARTS = {
    **dict.fromkeys(("CHEST", "THORAX", "LUNG", "HEART", "RIB", "RIBS", "STERNUM"), "chest"),
    **dict.fromkeys(("ABDOMEN", "ABDOMENPELVIS", "KUB", "LIVER", "KIDNEY", "BLADDER"), "abdomen"),
    **dict.fromkeys(
        ("SKULL", "HEAD", "FACE", "NECK", "JAW", "MANDIBLE", "MAXILLA", "NOSE", "ORBIT", "SINUS",
         "TEETH", "TMJOINT", "ZYGOMA", "BRAIN", "HEADNECK"),
        "head or neck",
    ),
    **dict.fromkeys(
        ("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "CTSPINE", "TLSPINE", "LSSPINE", "COCCYX",
         "SACRUM", "WHOLESPINE"),
        "spine",
    ),
    "BREAST": "breast",
    "WHOLEBODY": "whole body",
}  # fmt: skip
"""Body parts that are outside, as headers write them, with words for people."""

INSIDE_PARTS = {
    "HAND": "hand",
    **dict.fromkeys(("FINGER", "THUMB"), "finger"),
    "WRIST": "wrist",
    **dict.fromkeys(("FOREARM", "RADIUS", "ULNA", "RADIUSULNA"), "forearm"),
    "ELBOW": "elbow",
    **dict.fromkeys(("HUMERUS", "ARM", "UPPERARM"), "upper arm"),
    **dict.fromkeys(("SHOULDER", "SCAPULA"), "shoulder"),
    **dict.fromkeys(("CLAVICLE", "ACJOINT"), "clavicle"),
    "HIP": "hip",
    **dict.fromkeys(("PELVIS", "SIJOINT"), "pelvis"),
    **dict.fromkeys(("FEMUR", "THIGH"), "thigh"),
    **dict.fromkeys(("KNEE", "PATELLA"), "knee"),
    **dict.fromkeys(("TIBIA", "FIBULA", "TIBIAFIBULA", "TIBFIB", "LOWERLEG", "CALF"), "lower leg"),
    "ANKLE": "ankle",
    **dict.fromkeys(("FOOT", "TOE", "CALCANEUS", "HEEL"), "foot"),
}
"""Region of each body part that is inside, as headers write it."""


def excluded(scope: Scope, age: float | None, body_part: str | None) -> Reason | None:
    """Why a header puts an image outside a scope; ``None`` where it does not, or is silent.

    A body part that is not known here withdraws nothing.

    Args:
        scope: of the model.
        age: of the patient in years.
        body_part: as :class:`fractura.imaging.dicom_file.subject.Subject` has it.
    """
    part = OUTSIDE_PARTS.get(body_part or "")
    if part is not None:
        return Reason(
            "outside-scope", f"its header says {part}, which is outside what the model knows"
        )
    if age is not None and age < scope.youngest:
        return Reason(
            "outside-scope",
            f"its header says that the patient is younger than {scope.youngest:g}, and children "
            "are outside what the model knows",
        )
    return None


def region_of(body_part: str | None) -> str | None:
    """The region that a header names; ``None`` where it names none of ours."""
    return INSIDE_PARTS.get(body_part or "")
