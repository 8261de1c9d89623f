"""Lets Schemathesis send radiographs too, so that its links lead somewhere."""

import io

import schemathesis
from PIL import Image

_FILE = io.BytesIO()
Image.linear_gradient("L").save(_FILE, "PNG")


@schemathesis.hook
def map_body(context, body):
    """Every other form with one file carries a picture."""
    if context.operation.label != "POST /v1/readings" or not isinstance(body, dict):
        return body
    files = body.get("file")
    if isinstance(files, list) and len(files) == 1 and len(str(files[0])) % 2:
        return {"file": [_FILE.getvalue()]}
    return body
