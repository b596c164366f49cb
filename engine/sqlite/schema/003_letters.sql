-- Deliveries that were given up, kept for a replay.
CREATE TABLE letters (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	id       BLOB    NOT NULL CHECK (length(id) = 16),
	low      INTEGER NOT NULL, -- its range
	high     INTEGER NOT NULL,
	service  TEXT    NOT NULL,
	reason   TEXT    NOT NULL,
	status   INTEGER NOT NULL, -- of the answer; 0 for none
	at       INTEGER NOT NULL,
	PRIMARY KEY (campaign, id)
) STRICT, WITHOUT ROWID;

-- How often ranges that were done have been opened again.
ALTER TABLE campaigns ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;

-- What a replaced campaign had reached goes first: up to this ID.
ALTER TABLE ranges ADD COLUMN reached BLOB NOT NULL DEFAULT x'';
