"""Moving everything from SQLite to PostgreSQL."""
