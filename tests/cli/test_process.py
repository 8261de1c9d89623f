"""The command as a process of its own: what only a real one shows."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-m", "fractura.cli"]


@pytest.fixture
def many(tmp_path, phantom_pngs):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        shutil.copy(phantom_pngs[number % 4], folder / f"{number:02}.png")
    return folder


def _run(environment, *arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def _wait_for_lines(path, count):
    for _ in range(6000):
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    raise TimeoutError


def test_a_killed_run_loses_nothing_and_repeats_nothing(many, command_environment):
    jsonl = many.parent / "out" / "readings.jsonl"
    arguments = ["detect", many, "--out", jsonl.parent, "--workers", 2]
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env=command_environment, stdout=subprocess.DEVNULL
    )
    _wait_for_lines(jsonl, 5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = jsonl.read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    result = _run(command_environment, *arguments)
    assert result.returncode == 0
    count = kept.count(b"\n")
    assert 5 <= count < 40
    assert f"{count} had been read before" in result.stdout
    assert jsonl.read_bytes().startswith(kept)
    paths = [json.loads(line)["path"] for line in jsonl.read_text().splitlines()]
    assert paths == sorted(map(str, many.iterdir()))
    assert len(list((jsonl.parent / "pictures").glob("*.png"))) == 40


def test_interrupting_ends_cleanly(many, command_environment):
    jsonl = many.parent / "out" / "readings.jsonl"
    process = subprocess.Popen(
        [*COMMAND, "detect", str(many), "--out", str(jsonl.parent)],
        env=command_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )
    _wait_for_lines(jsonl, 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.strip() == "Stopped."
    assert (jsonl.parent / "readings.csv").exists()


def _heed_interrupts() -> None:
    """Tests started in the background ignore interrupts, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_closed_pipe_is_silent(many, command_environment):
    process = subprocess.Popen(
        [*COMMAND, "detect", str(many), "--json"],
        env=command_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert json.loads(process.stdout.readline())["path"] == str(many / "00.png")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait()


def test_light_imports_and_clean_streams(phantom_pngs, command_environment):
    script = """
import sys
from fractura.cli import main
sys.argv = ["fractura", "detect", sys.argv[1], "--json"]
try:
    main()
except SystemExit as stop:
    assert not stop.code
heavy = {"torch", "torchvision", "pydicom", "PIL", "skimage", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run(
        [sys.executable, "-c", script, str(phantom_pngs[0])],
        env=command_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["path"] == str(phantom_pngs[0])


def test_any_encoding_of_stdout_and_any_file_name_will_do(
    tmp_path, phantom_pngs, command_environment
):
    environment = {**command_environment, "PYTHONIOENCODING": "ascii"}
    shutil.copy(phantom_pngs[0], tmp_path / "Hüfte.png")
    name = b"\xff\xfe.png"
    try:
        shutil.copy(phantom_pngs[0], bytes(tmp_path) + b"/" + name)
    except OSError:
        pytest.skip("this file system takes no such name")
    arguments = ["detect", tmp_path, "--out", tmp_path / "out"]
    assert _run(environment, *arguments).returncode == 0
    result = _run(environment, *arguments, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    paths = [json.loads(line)["path"] for line in result.stdout.splitlines()]
    assert paths == [str(tmp_path / "Hüfte.png"), f"{tmp_path}/\udcff\udcfe.png"]


def test_version_and_help_do_not_load_the_reader(command_environment):
    script = """
import sys
from fractura.cli import main
sys.argv = ["fractura", *sys.argv[1:]]
try:
    main()
finally:
    heavy = {"cv2", "onnxruntime", "pydicom"} & set(sys.modules)
    assert not heavy, heavy
"""
    for arguments in (["--version"], ["--help"], ["detect", "--help"]):
        result = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=command_environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert "fractura" in result.stdout
