"""The description of the service: complete, and true to what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fractura.service.rest.openapi import openapi_text
from fractura.service.settings import ServiceSettings

HERE = Path(__file__).parent
COMMITTED = HERE.parents[2] / "web" / "openapi.json"
SECONDS = 10
GENERAL = {"400", "401", "403", "404", "408", "413", "422", "429", "500", "503"}


@pytest.fixture(scope="module")
def document(guarded) -> dict:
    return guarded.client.get("/openapi.json").json()


def test_every_operation_declares_its_answers_and_errors(document) -> None:
    assert document["openapi"] == "3.1.0"
    operations = [
        (path, operation)
        for path, methods in document["paths"].items()
        for operation in methods.values()
    ]
    assert len(operations) == 25
    assert len({operation["operationId"] for _, operation in operations}) == 25
    for path, operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["responses"]) >= GENERAL
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
            elif status != "204":
                (content,) = response["content"].values()
                assert content["schema"]
        needs_token = path.startswith("/v1/") or path == "/metrics"
        assert ("security" in operation) is needs_token
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for name in ("ReadingDocument", "JobDocument", "DisplayDocument", "NewMark", "Problem"):
        assert document["components"]["schemas"][name]["examples"]


def test_the_page_is_typed_by_what_the_service_gives(service) -> None:
    committed = COMMITTED.read_text(encoding="utf-8")
    assert service.client.get("/openapi.json").json() == json.loads(committed)
    assert openapi_text(ServiceSettings()) == committed, "in web/: npm run openapi"


def test_schemathesis_finds_nothing(guarded, dicom) -> None:
    pytest.importorskip("schemathesis", reason="fuzzing the service needs schemathesis")
    headers = {"Content-Type": "application/dicom", **guarded.as_role("submit")}
    reading = guarded.client.post("/v1/readings", content=dicom, headers=headers).json()["id"]
    secret = guarded.as_role("admin")["Authorization"]
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis as run; run()"),
            *("--config-file", HERE / "schemathesis.toml"),
            *("run", f"http://127.0.0.1:{guarded.port}/openapi.json"),
            *("--header", f"Authorization: {secret}"),
            *("--max-examples", "3", "--max-time", str(SECONDS), "--no-color"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(HERE),
            "SCHEMATHESIS_HOOKS": "hooks",
            "READING": reading,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Examples" in done.stdout
    assert "Fuzzing" in done.stdout
