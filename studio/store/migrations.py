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
    """
    ALTER TABLE pictures RENAME TO claims;
    DROP INDEX pictures_of_a_job;
    CREATE TABLE pictures (
        created_us INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        job TEXT REFERENCES jobs (id) ON DELETE SET NULL,
        number INTEGER NOT NULL,
        owner TEXT,
        starred INTEGER NOT NULL DEFAULT 0,
        partial INTEGER NOT NULL DEFAULT 0,
        width INTEGER NOT NULL DEFAULT 0,
        height INTEGER NOT NULL DEFAULT 0,
        seed INTEGER NOT NULL DEFAULT 0,
        hash TEXT,
        origin TEXT,
        trashed_s REAL,
        checkpoint TEXT,
        task TEXT,
        path TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        prompt TEXT NOT NULL DEFAULT '',
        negative_prompt TEXT NOT NULL DEFAULT ''
    ) STRICT;
    INSERT INTO pictures (created_us, id, state, job, number)
        SELECT row_number() OVER (ORDER BY rowid), id, 'gone', job, number FROM claims;
    DROP TABLE claims;
    CREATE UNIQUE INDEX pictures_of_a_job ON pictures (job, number);
    CREATE INDEX pictures_by_state ON pictures (state);
    CREATE INDEX pictures_by_owner ON pictures (state, owner);
    CREATE INDEX pictures_by_checkpoint ON pictures (state, checkpoint);
    CREATE INDEX pictures_by_task ON pictures (state, task);
    CREATE INDEX pictures_by_seed ON pictures (seed);
    CREATE INDEX pictures_by_hash ON pictures (hash);
    CREATE INDEX pictures_starred ON pictures (state) WHERE starred = 1;
    CREATE INDEX pictures_by_origin ON pictures (origin) WHERE origin IS NOT NULL;
    CREATE TABLE boards (
        name TEXT NOT NULL,
        picture INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
        PRIMARY KEY (name, picture)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX boards_of_a_picture ON boards (picture);
    CREATE TABLE loras (
        name TEXT NOT NULL,
        picture INTEGER NOT NULL REFERENCES pictures ON DELETE CASCADE,
        PRIMARY KEY (name, picture)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX loras_of_a_picture ON loras (picture);
    CREATE TABLE words (
        picture INTEGER PRIMARY KEY REFERENCES pictures ON DELETE CASCADE,
        text TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE timings (
        id INTEGER PRIMARY KEY,
        at_s REAL NOT NULL,
        machine TEXT NOT NULL,
        family TEXT NOT NULL,
        checkpoint TEXT NOT NULL,
        parts TEXT NOT NULL,
        run_s REAL NOT NULL,
        load_s REAL
    ) STRICT;
    CREATE INDEX timings_of_families ON timings (machine, family, id);
    CREATE INDEX timings_of_loads ON timings (machine, checkpoint, id) WHERE load_s IS NOT NULL;
    """,
    """
    CREATE TABLE prompts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        owner TEXT NOT NULL REFERENCES accounts (name),
        digest BLOB NOT NULL,
        prompt TEXT NOT NULL,
        negative_prompt TEXT NOT NULL,
        words TEXT NOT NULL,
        used_s REAL NOT NULL,
        uses INTEGER NOT NULL,
        UNIQUE (owner, digest)
    ) STRICT;
    CREATE INDEX prompts_by_use ON prompts (owner, used_s, id);
    """,
    """
    CREATE TABLE grids (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL REFERENCES accounts (name),
        created_s REAL NOT NULL,
        grid TEXT NOT NULL,
        jobs TEXT NOT NULL
    ) STRICT;
    CREATE INDEX grids_by_age ON grids (created_s, id);
    """,
    """
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        created_s REAL NOT NULL
    ) STRICT;
    CREATE INDEX tokens_of_owners ON tokens (owner, created_s, id);
    """,
    """
    CREATE TABLE reproductions (
        job TEXT PRIMARY KEY,
        original TEXT NOT NULL,
        created_s REAL NOT NULL,
        receipt TEXT NOT NULL
    ) STRICT;
    CREATE INDEX reproductions_of_a_picture ON reproductions (original, created_s);
    """,
    """
    ALTER TABLE pictures ADD COLUMN base TEXT;
    CREATE INDEX pictures_by_base ON pictures (base) WHERE base IS NOT NULL;
    """,
    """
    CREATE TABLE fingerprints (hash TEXT PRIMARY KEY, bits INTEGER) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE pictures ADD COLUMN nsfw REAL;
    ALTER TABLE pictures ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX pictures_that_wait ON pictures (state) WHERE waits = 1;
    CREATE TABLE safety (rules TEXT NOT NULL) STRICT;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_s REAL NOT NULL,
        account TEXT NOT NULL,
        what TEXT NOT NULL,
        why TEXT NOT NULL,
        prompt TEXT NOT NULL
    ) STRICT;
    CREATE TABLE consents (
        account TEXT NOT NULL,
        image TEXT NOT NULL,
        at_s REAL NOT NULL,
        PRIMARY KEY (account, image)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE trainings (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL REFERENCES accounts (name),
        created_s REAL NOT NULL,
        asked TEXT NOT NULL,
        state TEXT NOT NULL,
        told TEXT NOT NULL
    ) STRICT;
    """,
    """
    UPDATE trainings SET told = json_remove(
        json_set(told, '$.result', json_extract(told, '$.lora')), '$.lora');
    """,
)
"""The step of number n, from 1, leads from version n − 1 to n: never changed, only added to.

accounts        whoever has or had a job: see `domain.accounts`
jobs            `place`: their order; `request`: settled, JSON; `state`: see `jobs.job.JobState`;
                `ended_s`: when; `error`, `message`, `field`: as of `events.Failed`; `key`: the
                Idempotency-Key it came with from its owner
queue           one row: `paused`, no more jobs are begun
pictures        what lies on disk, and what a job is about to store: without its file it was not.
                `created_us`: when, in microseconds since 1970, of each another, so that it is their
                order too; `state`: kept, trashed, or gone where no file is known; `number`: its
                place in the job's batch, below 0 before its details; `hash`: the first 32 hex
                digits of the file's sha256; `origin`: that of the picture which its task begins
                with; `base`: that of the picture which a part of this one was put into; `path`:
                below the outputs, when it is not in the trash; `nsfw`: the filter's score, 0 to 1,
                NULL: it did not look; `waits`: 1 until a teacher lets others see it
prompts         what its owner drew from, as it was typed, each pair once, with when it was last
                used; `digest`: its sha256; `words`: what is searched, without differences of case
safety          one row or none: `rules`, JSON, see `domain.safety`
audit           `what` was refused or said, `why`; `prompt`: its sha256, or its words where the
                owner wants them, "" for none
consents        who said of which picture, by the hash of its bytes, that those in it agree
reproductions   `original`: the hash of the file that the job draws again; `receipt`: JSON, see
                `reproducing.receipt`
fingerprints    `hash`: of a picture's file, as in `pictures`; `bits`: what it looks like, see
                `imaging.fingerprint`; NULL: it shows nothing
trainings       `asked`: JSON, settled; `state`: see `tuning.job.TrainingState`; `told`: JSON, what
                came of it so far
grids           `grid`: JSON, what was asked for; `jobs`: JSON, a list of [x, y, z, job]
tokens          `digest`: the sha256 of what programs of the account show
boards, loras   on which a picture is, with which it was made
words           what of a picture is searched: see `store.search`
model_files     `facts`: JSON, what a probe of `facts_version` told of it at that size and time
model_notes     JSON, what an artist noted; they follow a renamed file by its sha256
deleted_models  what lies in a trash, and where it was
"""
