"""Opening the store, and what its transactions promise."""

from threading import Barrier, Thread

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from fractura.service.settings import ServiceSettings
from fractura.service.store.errors import DiskFullError, StoreError
from fractura.service.store.jobs import JobItem, open_job
from fractura.service.store.open import close_store, looking, open_store, writing
from fractura.service.store.queue import queue_length
from fractura.service.store.tables import metadata
from tests.service.postgres import fresh_database
from tests.service.store.examples import start_process, submitted


def test_migrations_make_the_tables(store):
    with looking(store) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def _open_together(settings):
    barrier, errors = Barrier(4), []

    def run():
        barrier.wait()
        try:
            close_store(open_store(settings))
        except Exception as error:
            errors.append(error)

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_several_processes_open_a_new_store_at_once(settings):
    others = [start_process(_open_together, settings) for _ in range(2)]
    for process in others:
        process.join(60)
    assert [process.exitcode for process in others] == [0, 0]
    store = open_store(settings)
    assert queue_length(store) == {"queued": 0, "running": 0, "done": 0, "failed": 0}
    close_store(store)


def test_a_store_of_a_newer_version_is_left_alone(settings):
    store = open_store(settings)
    with writing(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of-tomorrow'"))
    close_store(store)
    with pytest.raises(StoreError, match="another version of fractura"):
        open_store(settings)


@pytest.mark.parametrize(
    "address",
    [
        "mysql://me:secret@127.0.0.1/x",
        "nonsense",
        "postgresql://me:secret@127.0.0.1:1/x",
        "sqlite:////proc/none/x.sqlite",
    ],
)
def test_what_cannot_be_opened_is_an_error_without_the_password(address, tmp_path):
    with pytest.raises(StoreError) as caught:
        open_store(ServiceSettings(data=tmp_path, database=address))
    assert "secret" not in str(caught.value)


def test_sqlite_survives_a_power_cut_and_does_not_lock_readers_out(tmp_path):
    store = open_store(ServiceSettings(data=tmp_path))
    with looking(store) as connection:
        modes = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
        with writing(store) as writer:
            writer.execute(text("UPDATE readings SET attempts = 0"))
            assert connection.execute(text("SELECT count(*) FROM readings")).scalar() == 0
    assert modes == ["wal", 2, 1, 30_000]
    close_store(store)


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "50 % of? it#1"
    close_store(open_store(ServiceSettings(data=folder)))
    assert {path.name for path in folder.iterdir()} == {"fractura.sqlite", "images"}
    assert folder.stat().st_mode & 0o077 == 0


def test_a_full_disk_of_the_database_is_said_and_nothing_is_half_done(tmp_path):
    store = open_store(ServiceSettings(data=tmp_path))
    entry = submitted(store, b"before")
    close_store(store)

    @event.listens_for(store.engine, "connect")
    def limit(connection, _):
        connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(DiskFullError):
        open_job(store, [JobItem("a" * 100_000, entry.id, None)], "someone")
    with looking(store) as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar() == 0
    close_store(store)


def test_errors_of_the_database_do_not_tell_what_was_stored(store):
    with pytest.raises(StoreError) as caught:
        open_job(store, [JobItem("DOE^JANE.png", "no such reading", None)], "someone")
    shown, cause = str(caught.value), str(caught.value.__cause__)
    assert "DOE" not in shown + cause


def test_connections_that_were_cut_are_made_anew(postgres, tmp_path):
    address = fresh_database(postgres)
    store = open_store(ServiceSettings(data=tmp_path, database=address))
    with psycopg.connect(address, autocommit=True) as other:
        cut = other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
    assert (True,) in cut
    submitted(store, b"one")
    close_store(store)
