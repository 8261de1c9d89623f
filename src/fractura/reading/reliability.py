"""Whether a reading can be relied on, and what becomes of one that says nothing about bone."""

from __future__ import annotations

from dataclasses import replace

from fractura.findings import Reading, Reason

UNLIKE = Reason("unlike", "the picture looks unlike all that the model has learned from")
"""Of pictures that look unlike all that the model has learned from."""

NO_RADIOGRAPH = Reason("no-radiograph", "the picture is in colour, which radiographs are not")
"""Of pictures that :mod:`fractura.imaging.colour` finds in colour."""

POLARITY = Reason(
    "polarity-doubtful", "bone may be shown dark: the file does not tell it, or contradicts itself"
)
"""Of images that may be inverted; no fracture is never said of them."""


def doubtful(reading: Reading, reason: Reason) -> Reading:
    """The same reading, marked as not reliable; probability, decision and findings stay."""
    return replace(reading, reliable=False, reason=reason)


def not_evaluated(reading: Reading, reason: Reason) -> Reading:
    """What is left of a reading where nothing can be said about bone.

    Every part of fractura that shows or stores readings treats the result as a success without
    an answer: neither as *no fracture* nor as a failure.

    Args:
        reading: what the model said nevertheless. Its probability and region stay for those who
            look into it; findings and heatmap are dropped.
        reason: why nothing can be said.
    """
    return replace(doubtful(reading, reason), decision="not evaluated", findings=(), heatmap=None)
