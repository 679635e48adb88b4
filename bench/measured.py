"""What is measured, by name, and beside what: `bare Flask` and the specification's `before`."""

HIT = "list of 20, asked for again and again"
MISS = "list of 20, never asked for before"
UNCHANGED = "list of 20, unchanged (If-None-Match, 304)"
ONE = "one task, asked for again and again"
CREATE = "create"
BARE_LIST = "bare Flask: the list's bytes"
BARE_UNCHANGED = "bare Flask: 304"
BARE_ONE = "bare Flask: the task's bytes"
BARE_CREATE = "bare Flask: 201 with the task's bytes"
BEFORE_ALL = "before: list of 1,000 (it has no pages)"
BEFORE_FEW = "before: list of somebody who has 20"
BEFORE_ONE = "before: one task"
BEFORE_CREATE = "before: create"

# Beside what each of ours is held, in the same round.
REFERENCES = {
    HIT: (BARE_LIST, BEFORE_FEW, BEFORE_ALL),
    MISS: (BARE_LIST, BEFORE_FEW, BEFORE_ALL),
    UNCHANGED: (BARE_UNCHANGED, BEFORE_FEW, BEFORE_ALL),
    ONE: (BARE_ONE, BEFORE_ONE),
    CREATE: (BARE_CREATE, BEFORE_CREATE),
}
