"""What the ledger looks like, as the steps by which it came to look so."""

MIGRATIONS = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        place INTEGER NOT NULL,
        state TEXT NOT NULL,
        request TEXT NOT NULL,
        created_s REAL NOT NULL,
        elapsed_s REAL,
        error TEXT,
        message TEXT,
        field TEXT,
        key TEXT UNIQUE
    ) STRICT;
    CREATE INDEX jobs_to_do ON jobs (place) WHERE state IN ('queued', 'running');
    CREATE TABLE pictures (
        id TEXT PRIMARY KEY,
        job TEXT REFERENCES jobs (id) ON DELETE SET NULL,
        number INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX pictures_of_a_job ON pictures (job, number);
    """,
    """
    CREATE TABLE model_files (
        path BLOB PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        facts TEXT,
        facts_version INTEGER,
        sha256 TEXT
    ) STRICT;
    CREATE TABLE model_notes (
        path BLOB PRIMARY KEY,
        sha256 TEXT,
        notes TEXT NOT NULL
    ) STRICT;
    CREATE TABLE deleted_models (
        id TEXT PRIMARY KEY,
        was_at BLOB NOT NULL,
        lies_at BLOB NOT NULL,
        deleted_s REAL NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE accounts (name TEXT PRIMARY KEY, since_s REAL NOT NULL) STRICT;
    INSERT INTO accounts VALUES ('guest:local', strftime('%s', 'now'));
    CREATE TABLE jobs_of_accounts (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL REFERENCES accounts (name),
        place INTEGER NOT NULL,
        state TEXT NOT NULL,
        request TEXT NOT NULL,
        created_s REAL NOT NULL,
        ended_s REAL,
        elapsed_s REAL,
        error TEXT,
        message TEXT,
        field TEXT,
        key TEXT,
        UNIQUE (owner, key)
    ) STRICT;
    INSERT INTO jobs_of_accounts SELECT id, 'guest:local', place, state, request, created_s,
        iif(state IN ('queued', 'running'), NULL, created_s), elapsed_s, error, message, field, key
        FROM jobs;
    DROP TABLE jobs;
    ALTER TABLE jobs_of_accounts RENAME TO jobs;
    CREATE INDEX jobs_to_do ON jobs (place) WHERE state IN ('queued', 'running');
    CREATE INDEX jobs_ended ON jobs (ended_s, id) WHERE ended_s IS NOT NULL;
    """,
    """
    CREATE TABLE queue (paused INTEGER NOT NULL) STRICT;
    INSERT INTO queue VALUES (0);
    """,
)
"""The step of number n, from 1, leads from version n − 1 to n: never changed, only added to.

accounts        whoever has or had a job: see `domain.accounts`
jobs            `place`: their order; `request`: settled, JSON; `state`: see `jobs.job.JobState`;
                `ended_s`: when; `error`, `message`, `field`: as of `events.Failed`; `key`: the
                Idempotency-Key it came with from its owner
queue           one row: `paused`, no more jobs are begun
pictures        what a job has stored, or was about to: without its file it was not; `number`: its
                place in the batch
model_files     `facts`: JSON, what a probe of `facts_version` told of it at that size and time
model_notes     JSON, what an artist noted; they follow a renamed file by its sha256
deleted_models  what lies in a trash, and where it was
"""
