"""The JSON that the service takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fractura.findings import Decision, ReasonCode
from fractura.service.settings import ResultKind
from fractura.service.store.queue import QueueEntry, State

ID = "^[0-9a-f]{32}$"
Id = Annotated[str, Field(pattern=ID, examples=["5f0c6f0e7a3b4c0d9d3f8b1a2c4e6f80"])]
Share = Annotated[float, Field(ge=0, le=1)]
Corner = Annotated[float, Field(ge=0, le=10**6, allow_inf_nan=False)]
Corners = Annotated[list[Corner], Field(min_length=4, max_length=4)]
Spacing = Annotated[list[float], Field(min_length=2, max_length=2)]
Box = Annotated[list[float], Field(min_length=4, max_length=4)]
_CORNERS = "x_min, y_min, x_max, y_max in pixels of the source image, origin top left."
_READING = {
    "schema": 1,
    "path": None,
    "sha256": "7c0f2a5f0d6c1f6f0b7a4f4c3c1f8b9b1f2a3d4e5f60718293a4b5c6d7e8f901",
    "model": "fractura-s 1",
    "width": 373,
    "height": 454,
    "fracture": {
        "probability": 0.91321,
        "decision": "fracture",
        "reliable": True,
        "reason": None,
    },
    "findings": [{"label": "fracture", "score": 0.84127, "box": [120.5, 44.0, 180.25, 90.5]}],
    "region": {"label": "hand", "probability": 0.99602},
    "warnings": [],
    "milliseconds": {"decode": 2.1, "preprocess": 0.6, "network": 24.9, "boxes": 0.4},
}
_ENTRY = {
    "id": "5f0c6f0e7a3b4c0d9d3f8b1a2c4e6f80",
    "state": "done",
    "is_dicom": False,
    "created_at": "2026-01-31T12:00:00.000000Z",
    "finished_at": "2026-01-31T12:00:00.061000Z",
    "image_kept": True,
    "reading": _READING,
    "error": None,
}


def _example(value: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class FindingDocument(BaseModel):
    """A suspected fracture."""

    label: str
    score: Share = Field(description="Calibrated probability that the box marks a fracture.")
    box: Box = Field(description=_CORNERS)


class ReasonDocument(BaseModel):
    """Why a reading is not reliable."""

    code: ReasonCode
    sentence: str = Field(description="Without a capital letter and a full stop.")


class FractureDocument(BaseModel):
    """Whether there is a fracture."""

    probability: Share = Field(description="Calibrated.")
    decision: Decision = Field(
        description="Where it is not evaluated, nothing is said about bone; reason tells why."
    )
    reliable: bool = Field(description="False where the picture gives cause for doubt.")
    reason: ReasonDocument | None = Field(description="Null where the reading is reliable.")


class RegionDocument(BaseModel):
    """The most probable region of the body."""

    label: str
    probability: Share


class ResultDocument(BaseModel):
    """What the model says: one line of ``fractura detect --json``."""

    model_config = _example(_READING)

    schema_: Literal[1] = Field(alias="schema", description="Number of this form.")
    path: None = Field(description="Names of files are not kept.")
    sha256: str
    model: str
    width: int
    height: int
    fracture: FractureDocument
    findings: list[FindingDocument]
    region: RegionDocument | None
    warnings: list[str]
    milliseconds: dict[str, float]


class ErrorDocument(BaseModel):
    """Why an image could not be read."""

    type: str
    message: str


class ReadingDocument(BaseModel):
    """A reading that is wanted, in work or there."""

    model_config = _example(_ENTRY)

    id: Id
    state: State
    is_dicom: bool = Field(description="Whether results in DICOM can be made of it.")
    created_at: datetime
    finished_at: datetime | None
    image_kept: bool = Field(description="Whether pictures of it can still be made.")
    reading: ResultDocument | None
    error: ErrorDocument | None


class ReadingList(BaseModel):
    """A page of readings, newest first."""

    readings: list[ReadingDocument]
    next: Id | None = Field(description="Give it as before to get the next older ones.")


class FindingList(BaseModel):
    """The findings of a reading, down to the lowest score, and the operating points."""

    findings: list[FindingDocument]
    operating_points: OperatingPointsDocument


class OperatingPointDocument(BaseModel):
    """Thresholds on the image's probability and on a box's score."""

    probability: Share
    box_score: Share


class OperatingPointsDocument(BaseModel):
    """Thresholds; between the two the decision is uncertain."""

    high_sensitivity: OperatingPointDocument
    high_specificity: OperatingPointDocument


class WindowDocument(BaseModel):
    """A window of grey values: centre and width."""

    center: float
    width: float


class DisplayDocument(BaseModel):
    """How to show the values of ``pixels``: v * slope + intercept, windowed, then inverted."""

    model_config = _example(
        {
            "rows": 454,
            "columns": 373,
            "bits": 12,
            "minimum": 0,
            "maximum": 4095,
            "slope": 1.0,
            "intercept": 0.0,
            "window": {"center": 2048.0, "width": 4096.0},
            "invert": False,
            "spacing_mm": [0.15, 0.15],
        }
    )

    rows: int
    columns: int
    bits: int
    minimum: int = Field(description="Smallest stored value.")
    maximum: int = Field(description="Largest stored value.")
    slope: float
    intercept: float
    window: WindowDocument = Field(description="Linear (PS3.3 C.11.2.1.2.1), as shown at first.")
    invert: bool
    spacing_mm: Spacing | None = Field(description="Between rows, between columns.")


class NewMark(BaseModel):
    """What a person says of a reading."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"kind": "missed", "box": [120.5, 44.0, 180.25, 90.5], "note": "ulna"}]
        },
    )

    kind: Literal["agree", "disagree", "missed"]
    box: Corners | None = Field(default=None, description=_CORNERS)
    note: str = Field(default="", max_length=2000, pattern=r"^[^\x00]*$")

    @model_validator(mode="after")
    def _box_has_an_area(self) -> NewMark:
        if self.box and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError("a box is x_min, y_min, x_max, y_max with an area")
        return self


class MarkDocument(BaseModel):
    """What a person said of a reading."""

    id: Id
    reading_id: Id
    kind: Literal["agree", "disagree", "missed"]
    box: Box | None = Field(description=_CORNERS)
    note: str
    who: str = Field(description="The token's name; local without tokens.")
    created_at: datetime


class MarkList(BaseModel):
    """The marks of a reading."""

    marks: list[MarkDocument]


class JobItemDocument(BaseModel):
    """One file of an upload."""

    name: str = Field(description="The file's name, cleaned and cut; empty once images are gone.")
    reading: ReadingDocument | None
    error: ErrorDocument | None


class JobDocument(BaseModel):
    """Several files that were sent together."""

    model_config = _example(
        {
            "id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "state": "done",
            "created_at": "2026-01-31T12:00:00.000000Z",
            "items": [{"name": "wrist.png", "reading": _ENTRY, "error": None}],
        }
    )

    id: Id
    state: Literal["running", "done"]
    created_at: datetime
    items: list[JobItemDocument]


class ModelDocument(BaseModel):
    """The model that reads."""

    name: str
    version: str
    task: str
    sha256: str = Field(description="Of the model's file.")
    operating_points: OperatingPointsDocument
    regions: list[str]


class ModelList(BaseModel):
    """The models of this service."""

    models: list[ModelDocument]


class DeliveryDocument(BaseModel):
    """A result that goes to a destination."""

    id: Id
    reading_id: Id
    sop_instance_uid: str
    destination: str
    kind: ResultKind
    state: Literal["waiting", "sent", "dead"]
    attempts: int
    next_try_at: datetime
    error: str | None


class DeliveryList(BaseModel):
    """Deliveries that were given up."""

    deliveries: list[DeliveryDocument]


class RetryDocument(BaseModel):
    """How many deliveries will be tried again."""

    retried: int


class HealthDocument(BaseModel):
    """Whether the service can work."""

    status: Literal["ok"]


def reading_document(entry: QueueEntry) -> dict[str, Any]:
    """A :class:`ReadingDocument` of an entry, as plain values."""
    return {
        "id": entry.id,
        "state": entry.state,
        "is_dicom": entry.is_dicom,
        "created_at": moment(entry.created_at),
        "finished_at": moment(entry.finished_at),
        "image_kept": entry.image_kept,
        "reading": entry.result,
        "error": entry.error,
    }


def moment(time: datetime | None) -> str | None:
    """RFC 3339, in UTC."""
    return None if time is None else time.isoformat().replace("+00:00", "Z")
