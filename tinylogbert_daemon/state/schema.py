"""The tables, as a list of migrations: version n is what the first n of them make.

A migration is never changed once released; a newer database than this list is refused.
"""

MIGRATIONS = (
    """
    CREATE TABLE files (
        device INTEGER NOT NULL, inode INTEGER NOT NULL, head BLOB NOT NULL,
        source TEXT NOT NULL, path TEXT NOT NULL,
        offset INTEGER NOT NULL, lines INTEGER NOT NULL, committed INTEGER NOT NULL DEFAULT 0,
        tail BLOB NOT NULL,
        mid_line INTEGER NOT NULL, skipping INTEGER NOT NULL, seen REAL NOT NULL,
        PRIMARY KEY (device, inode, head)
    ) WITHOUT ROWID;
    CREATE TABLE sources (
        name TEXT PRIMARY KEY, records INTEGER NOT NULL,
        learning_since REAL, log_time REAL
    ) WITHOUT ROWID;
    CREATE TABLE texts (
        key INTEGER PRIMARY KEY, count REAL NOT NULL, updated REAL NOT NULL, shape BLOB NOT NULL
    );
    CREATE TABLE sketch (
        id INTEGER PRIMARY KEY CHECK (id = 1), cells BLOB NOT NULL, time REAL NOT NULL
    );
    CREATE TABLE reference (
        model TEXT PRIMARY KEY, raw BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE incidents (
        id TEXT PRIMARY KEY, source TEXT NOT NULL, key INTEGER NOT NULL,
        opened REAL NOT NULL, last_seen REAL NOT NULL, closed REAL,
        records INTEGER NOT NULL, last_line TEXT NOT NULL, alerted INTEGER NOT NULL,
        first TEXT NOT NULL
    );
    CREATE INDEX incidents_open ON incidents (source, key) WHERE closed IS NULL;
    CREATE INDEX incidents_opened ON incidents (opened);
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL,
        incident TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX deliveries_of_sink ON deliveries (sink, number);
    """,
    """
    ALTER TABLE incidents ADD COLUMN close_reason TEXT NOT NULL DEFAULT '';
    ALTER TABLE incidents ADD COLUMN withheld TEXT NOT NULL DEFAULT '';
    ALTER TABLE incidents ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE incidents ADD COLUMN peak REAL NOT NULL DEFAULT 0;
    ALTER TABLE incidents ADD COLUMN storm TEXT;
    UPDATE incidents SET close_reason = 'quiet' WHERE closed IS NOT NULL;
    UPDATE incidents SET withheld = 'budget' WHERE NOT alerted;
    CREATE TABLE budget (
        source TEXT PRIMARY KEY, tokens REAL NOT NULL, time REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE suppressed (
        source TEXT NOT NULL, reason TEXT NOT NULL,
        total INTEGER NOT NULL, pending INTEGER NOT NULL, since REAL NOT NULL,
        PRIMARY KEY (source, reason)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE files ADD COLUMN cursor TEXT NOT NULL DEFAULT '';
    """,
    """
    CREATE TABLE privacy (
        id INTEGER PRIMARY KEY CHECK (id = 1), rules TEXT NOT NULL
    );
    """,
    # a row that has no sum yet is given it after the migration, within the same transaction
    """
    ALTER TABLE files ADD COLUMN sum INTEGER;
    ALTER TABLE sources ADD COLUMN sum INTEGER;
    ALTER TABLE texts ADD COLUMN sum INTEGER;
    ALTER TABLE texts ADD COLUMN shape_sum INTEGER;
    ALTER TABLE sketch ADD COLUMN sum INTEGER;
    ALTER TABLE reference ADD COLUMN sum INTEGER;
    ALTER TABLE incidents ADD COLUMN sum INTEGER;
    ALTER TABLE deliveries ADD COLUMN sum INTEGER;
    ALTER TABLE budget ADD COLUMN sum INTEGER;
    ALTER TABLE suppressed ADD COLUMN sum INTEGER;
    """,
    """
    ALTER TABLE deliveries ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE deliveries ADD COLUMN since REAL NOT NULL DEFAULT 0;
    ALTER TABLE deliveries ADD COLUMN due REAL NOT NULL DEFAULT 0;
    CREATE TABLE dead (
        number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL,
        incident TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL,
        died REAL NOT NULL, reason TEXT NOT NULL
    );
    CREATE INDEX dead_of_sink ON dead (sink, number);
    """,
    """
    ALTER TABLE incidents ADD COLUMN muted TEXT;
    CREATE TABLE feedback (
        number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key INTEGER NOT NULL,
        text TEXT NOT NULL, sample TEXT NOT NULL, near REAL,
        created REAL NOT NULL, expires REAL, author TEXT NOT NULL, note TEXT NOT NULL,
        undone REAL, undone_by TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE owed (
        source TEXT NOT NULL, key INTEGER NOT NULL, first TEXT NOT NULL, shape BLOB NOT NULL,
        now REAL NOT NULL, learning INTEGER NOT NULL, readback INTEGER NOT NULL, sum INTEGER,
        PRIMARY KEY (source, key)
    ) WITHOUT ROWID;
    """,
    # the sum of an incident is over two columns more; a row whose sum is not its own is not given
    # another one, which would hide the damage
    """
    ALTER TABLE incidents ADD COLUMN curve TEXT;
    UPDATE incidents SET sum = NULL WHERE sum = row_sum(
        CAST(id AS BLOB), CAST(source AS BLOB), key, opened, last_seen, closed, records,
        CAST(last_line AS BLOB), alerted, CAST(first AS BLOB), CAST(close_reason AS BLOB),
        CAST(withheld AS BLOB), suppressed, peak, CAST(storm AS BLOB)
    );
    """,
    """
    ALTER TABLE feedback ADD COLUMN sum INTEGER;
    ALTER TABLE dead ADD COLUMN sum INTEGER;
    """,
)

FEEDBACK_VERSION = 7
"""The version from which on there is feedback."""

CURVE_VERSION = 9
"""The version from which on an incident has a curve."""
