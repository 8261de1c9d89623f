import itertools
import threading
import time

import pytest

from fractura.batch.read_files import read_files
from fractura.errors import LoadError, SaveError
from fractura.findings import Failure, Reading
from fractura.parallel import IN_FLIGHT, map_in_order
from fractura.reading.reader import Reader


class _Stub:
    """Stands in for a reader: says what ``answer`` says of a radiograph."""

    def __init__(self, answer):
        self.read = lambda radiograph, **_: answer(radiograph)


def _reading(radiograph):
    return Reading(
        radiograph.path, radiograph.sha256, "stub 1", radiograph.width, radiograph.height,
        0.5, "uncertain", (), "hand", 1.0,
    )  # fmt: skip


def test_results_come_in_order_whatever_each_takes():
    begun = threading.Barrier(3)

    def work(number):
        if number < 3:
            begun.wait(timeout=10)  # three at once, or this breaks
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(map_in_order(work, range(40), workers=3)) == list(range(40))


@pytest.mark.parametrize("workers", [1, 3])
def test_an_endless_stream_is_read_ahead_by_the_window_only(workers):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = map_in_order(lambda number: number, endless(), workers)
    for handed_out in range(1, 300):
        assert next(results) == handed_out
        assert taken - handed_out < IN_FLIGHT * workers
    results.close()


def test_what_waits_behind_a_slow_item_is_bounded():
    finished = []
    release = threading.Event()

    def work(number):
        if number == 0:
            release.wait(timeout=10)
        finished.append(number)

    results = map_in_order(work, itertools.count(), workers=2)
    threading.Timer(0.2, release.set).start()
    next(results)
    assert len(finished) <= IN_FLIGHT * 2
    results.close()


def test_closing_drops_what_has_not_begun():
    begun = []
    release = threading.Event()

    def work(number):
        begun.append(number)
        if number:
            release.wait(timeout=10)

    results = map_in_order(work, range(100), workers=2)
    next(results)
    threading.Timer(0.1, release.set).start()
    results.close()
    assert len(begun) <= 4


def test_same_answers_as_one_by_one(phantom_pngs):
    reader = Reader(threads=1)
    expected = [reader.read_file(path, all_findings=True) for path in phantom_pngs]
    streamed = list(read_files(reader, phantom_pngs, workers=3, all_findings=True))
    assert streamed == expected
    assert all(
        list(reading.milliseconds) == ["decode", "preprocess", "network", "boxes"]
        for reading in streamed
    )
    assert streamed[0].path == str(phantom_pngs[0])


def test_a_bad_file_fails_alone(phantom_pngs, tmp_path):
    empty, missing = tmp_path / "empty.png", tmp_path / "missing.png"
    empty.touch()
    paths = [phantom_pngs[0], empty, phantom_pngs[1], missing]
    good, bad, also_good, gone = read_files(_Stub(_reading), paths, workers=2)
    assert [good.path, also_good.path] == [str(path) for path in phantom_pngs[:2]]
    assert bad == Failure(str(empty), "DamagedFileError", f"{empty}: it is empty")
    assert (gone.path, gone.type) == (str(missing), "LoadError")
    assert str(missing) in gone.message


def test_a_fault_becomes_a_failure_unless_debugging(phantom_pngs):
    def divide(radiograph):
        return 1 / 0

    (failed,) = read_files(_Stub(divide), phantom_pngs[:1])
    assert failed.type == "ZeroDivisionError"
    assert failed.message.startswith(f"{phantom_pngs[0]}: division by zero (a fault in fractura")
    with pytest.raises(ZeroDivisionError):
        list(read_files(_Stub(divide), phantom_pngs[:1], debug=True))


def test_lack_of_memory_says_what_to_do(phantom_pngs):
    def exhaust(radiograph):
        raise MemoryError

    (failed,) = read_files(_Stub(exhaust), phantom_pngs[:1])
    assert failed.type == "MemoryError"
    assert failed.message.endswith("not enough memory for it; use fewer workers")


def test_finish_runs_in_the_workers_and_its_result_is_handed_out(phantom_pngs):
    threads = set()

    def finish(radiograph, reading):
        threads.add(threading.current_thread())
        if radiograph.path == str(phantom_pngs[1]):
            raise SaveError("out.png: could not be written (No space left on device)")
        return reading.sha256

    results = list(read_files(_Stub(_reading), phantom_pngs, workers=2, finish=finish))
    assert threading.main_thread() not in threads
    assert isinstance(results[1], Failure)
    assert (
        results[1].message
        == f"{phantom_pngs[1]}: out.png: could not be written (No space left on device)"
    )
    assert len({results[0], results[2], results[3]}) == 3


def test_frame_reaches_the_loader(phantom_pngs):
    (failed,) = read_files(_Stub(_reading), phantom_pngs[:1], frame=2)
    assert failed.type == LoadError.__name__
    assert "there is no frame 2" in failed.message
