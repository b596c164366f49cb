-- What was learned of push services.

CREATE TABLE alarms (
	service TEXT    PRIMARY KEY,
	problem TEXT    NOT NULL,
	since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rates (
	service    TEXT    PRIMARY KEY,
	per_second REAL    NOT NULL,
	learned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Until when no alarm is raised.
ALTER TABLE sending ADD COLUMN trusted_until INTEGER NOT NULL DEFAULT -62135596800000; -- the zero time
