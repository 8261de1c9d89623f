"""``fractura token``: who may use the service."""

from __future__ import annotations

import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import Annotated, Literal

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError

_SECRET_BYTES = 32


def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, for the audit log.")],
    role: Annotated[
        Literal["read", "submit", "admin"],
        typer.Option(
            help="read sees readings; submit also sends radiographs and marks; admin does all."
        ),
    ] = "submit",
) -> None:
    """Make a secret token, and the lines of the settings that let its owner in.

    \b
    fractura token page-of-radiology
    fractura token prometheus --role read

    The secret is shown once and stored nowhere.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        raise WrongUsageError("a token's name has 1 to 64 letters, digits, dots, _ and -")
    secret = token_urlsafe(_SECRET_BYTES)
    show(f"Secret, to be sent as Authorization: Bearer {secret}")
    show("It is not shown again. Put these lines into the settings (fractura serve --config):\n")
    show("[[tokens]]")
    show(f'name = "{name}"')
    show(f'role = "{role}"')
    show(f'sha256 = "{sha256(secret.encode()).hexdigest()}"')
