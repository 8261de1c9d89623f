"""Keep what libraries say of the files they read out of the logs."""

from __future__ import annotations

import logging

_TALKATIVE = (
    "pydicom",
    "pynetdicom",
    "highdicom",
    "dicomweb_client",
    "httpx",
    "python_multipart",
    "py.warnings",
)


def quiet_libraries() -> None:
    """Drop the messages and warnings of the libraries that see patients' names.

    Their warnings quote the values that they complain about.
    """
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
