"""Delete what need not be kept any more."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from fractura.service.store.open import ServiceStore
from fractura.service.store.retention import sweep

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


def sweep_once(store: ServiceStore) -> float:
    """Delete the images whose time is over; the seconds until the next time."""
    count = sweep(store, datetime.now(UTC))
    if count:
        log.info("%d images deleted, their time was over", count)
    return EVERY_SECONDS
