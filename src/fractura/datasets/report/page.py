"""From a template to one self-contained page of HTML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from fractura.datasets.report.table import shown
from fractura.errors import FracturaError
from fractura.text import printable
from fractura.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


_SHARED = "fractura.datasets.report"


def render(template: str, *, room: str = _SHARED, **values: Any) -> str:
    """Fill a template; a value it lacks is an error.

    The template lies in ``templates/`` of the package ``room``, and those it builds on there or
    here. Everything is escaped. The page carries its style, its script and its pictures, and a
    content security policy that forbids it to run or fetch anything else.

    Raises:
        FracturaError: Jinja2 is not installed.
    """
    page: str = _environment(room).get_template(template).render(**values)
    return page


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a picture of the MIME type ``kind``, to stand in the page itself."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@cache
def _environment(room: str) -> Environment:
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise FracturaError('pages need Jinja2: pip install "fractura[data]"') from error
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (room, _SHARED)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["shown"] = shown
    environment.filters["plural"] = plural
    script = environment.get_template("sort.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(version=__version__, script=script, script_digest=digest)
    return environment


def _finalize(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 image``, ``2,000 images``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
