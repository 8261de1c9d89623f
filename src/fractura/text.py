"""Text that comes from files and their names, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text with control characters and what no encoding can hold written as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
