"""Backups: a folder with the database as it was at one moment, and a manifest to check it by.

    manifest.json     what is in it, of which release and schema, with a checksum of each file and table
    taskapi.db        of SQLite: the database in one file
    taskapi.dump      of PostgreSQL: what pg_dump writes in its custom format
    keys/             only where it was asked for

A backup appears under its name when it is whole: until then it is being written beside it.
"""
