"""How the database came to its tables (Alembic)."""
