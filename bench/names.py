"""What is measured of the whole service, and whom it is measured beside, by name."""

HITS, MISSES, WRITES, CROWD = (
    "a list of 20, from memory",
    "a list of 15 to 40, never asked for before",
    "a new task",
    "the crowd, 1 change in 100",
)
ON_SQLITE = "a new task, on SQLite"
READERS, USERS = (
    "5,000 readers: think 0 to 1 s, 1 change in 100",
    "5,000 users: think 2 to 8 s, 1 change in 10",
)
FRONT, DIRECT = "taskapi through nginx", "taskapi"
KEYED = "taskapi, each with an Idempotency-Key"
FILE, FILE_DIRECT, BARE = "a file through nginx", "a file by nginx itself", "the bytes by bare Flask"
BY_HAND = "psycopg by hand in bare Flask"
# The specification's own sketches.
BEFORE, AFTER = '"before" as sketched', '"after" as sketched'
FAST, LIGHT = "FastAPI, SQLAlchemy, uvicorn", "Litestar, asyncpg, granian"
# The same, as their documentation teaches it for a machine with several cores: one process for each of two.
FAST_TWO, LIGHT_TWO = f"{FAST}, two processes", f"{LIGHT}, two processes"
# These through an nginx like ours.
FAST_FRONT, LIGHT_FRONT = "FastAPI through nginx", "Litestar through nginx"
FAST_TWO_FRONT, LIGHT_TWO_FRONT = f"{FAST_FRONT}, two processes", f"{LIGHT_FRONT}, two processes"
PGBENCH = "our statement by pgbench"
