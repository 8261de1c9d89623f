"""The store on SQLite and on a real PostgreSQL."""

import pytest

from fractura.service.settings import ServiceSettings
from fractura.service.store.open import close_store, open_store
from tests.service.postgres import fresh_database, running_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Address of a PostgreSQL server that runs for this session."""
    with running_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    """Settings of a new, empty store."""
    database = None
    if request.param == "postgresql":
        database = fresh_database(request.getfixturevalue("postgres"))
    return ServiceSettings(data=tmp_path / "data", database=database)


@pytest.fixture
def store(settings):
    opened = open_store(settings)
    yield opened
    close_store(opened)
