-- The log, its items, and the keys that make appending happen once.

CREATE TABLE log (
	one   INTEGER PRIMARY KEY CHECK (one = 1),
	epoch TEXT    NOT NULL,
	head  INTEGER NOT NULL, -- offset of the last entry
	floor INTEGER NOT NULL  -- entries up to this offset have been trimmed
) STRICT;

CREATE TABLE entries (
	offset      INTEGER PRIMARY KEY,
	first       INTEGER NOT NULL,
	kind        TEXT    NOT NULL,
	alert       INTEGER NOT NULL,
	item        TEXT    NOT NULL, -- news.Item in JSON
	editor      TEXT    NOT NULL,
	appended_at INTEGER NOT NULL
) STRICT;

-- The last entry of each item, by its place on the front. It repeats a row of
-- entries so that trimming the log takes nothing from the front.
CREATE TABLE items (
	first   INTEGER PRIMARY KEY,
	id      TEXT    NOT NULL UNIQUE,
	story   TEXT    NOT NULL,
	drill   INTEGER NOT NULL,
	version INTEGER NOT NULL,
	offset  INTEGER NOT NULL,
	kind    TEXT    NOT NULL,
	alert   INTEGER NOT NULL,
	item    TEXT    NOT NULL
) STRICT;
CREATE INDEX items_of_story ON items (story, first);
CREATE INDEX items_of_drill ON items (drill, first);

CREATE TABLE keys (
	value   BLOB    PRIMARY KEY CHECK (length(value) <= 256),
	sum     BLOB    NOT NULL CHECK (length(sum) = 32),
	offset  INTEGER NOT NULL,
	used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_age ON keys (used_at);

-- Editors' keys.

CREATE TABLE credentials (
	id         TEXT    PRIMARY KEY,
	sum        BLOB    NOT NULL UNIQUE CHECK (length(sum) = 32),
	name       TEXT    NOT NULL,
	role       TEXT    NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Subscriptions. The key sorts by shard, so a range of shards is a range of
-- keys, and without a rowid the rows lie in that order.

CREATE TABLE subscriptions (
	id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
	born       INTEGER NOT NULL, -- campaigns.seq of the last one opened before it
	endpoint   TEXT    NOT NULL,
	p256dh     BLOB    NOT NULL CHECK (length(p256dh) = 65),
	auth       BLOB    NOT NULL CHECK (length(auth) = 16),
	topics     TEXT    NOT NULL, -- separated by commas
	level      TEXT    NOT NULL,
	quiet_from INTEGER,
	quiet_to   INTEGER,
	quiet_zone TEXT,             -- NULL for no quiet hours
	daily_max  INTEGER NOT NULL,
	language   TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sending (
	one             INTEGER PRIMARY KEY CHECK (one = 1),
	standing        INTEGER NOT NULL, -- how many subscriptions there are
	followed_epoch  TEXT    NOT NULL,
	followed_offset INTEGER NOT NULL,
	stopped_by      TEXT,             -- NULL while sending is allowed
	stop_reason     TEXT,
	stopped_at      INTEGER
) STRICT;
INSERT INTO sending VALUES (1, 0, '', 0, NULL, NULL, NULL);

-- Campaigns. Rows are never removed: seq says what came before what.

CREATE TABLE campaigns (
	seq       INTEGER PRIMARY KEY,
	id        TEXT    NOT NULL UNIQUE,
	item      TEXT    NOT NULL,
	entry     TEXT    NOT NULL, -- news.Entry in JSON
	reach     TEXT    NOT NULL, -- news.Reach in JSON
	lane      INTEGER NOT NULL,
	token     TEXT    NOT NULL UNIQUE,
	opened_at INTEGER NOT NULL,
	deadline  INTEGER NOT NULL,
	standing  INTEGER NOT NULL, -- subscriptions when it opened
	cancelled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX campaigns_of_item ON campaigns (item, seq);
CREATE INDEX campaigns_by_age ON campaigns (opened_at);

CREATE TABLE tallies (
	campaign  INTEGER PRIMARY KEY REFERENCES campaigns,
	audience  INTEGER NOT NULL DEFAULT 0,
	accepted  INTEGER NOT NULL DEFAULT 0,
	gone      INTEGER NOT NULL DEFAULT 0,
	expired   INTEGER NOT NULL DEFAULT 0,
	cancelled INTEGER NOT NULL DEFAULT 0,
	retried   INTEGER NOT NULL DEFAULT 0,
	throttled INTEGER NOT NULL DEFAULT 0,
	displayed INTEGER NOT NULL DEFAULT 0,
	clicked   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE failures (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	reason   TEXT    NOT NULL,
	n        INTEGER NOT NULL,
	PRIMARY KEY (campaign, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE acceptances (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	tenth    INTEGER NOT NULL, -- tenths of a second after the opening
	n        INTEGER NOT NULL,
	PRIMARY KEY (campaign, tenth)
) STRICT, WITHOUT ROWID;

-- The ranges of campaigns that have work left; a range that is done goes.
CREATE TABLE ranges (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	low      INTEGER NOT NULL, -- shards
	high     INTEGER NOT NULL,
	position BLOB    NOT NULL CHECK (length(position) = 16), -- the last ID scanned
	scanned  INTEGER NOT NULL DEFAULT 0,
	due      INTEGER NOT NULL DEFAULT 0, -- when it next has work
	token    INTEGER NOT NULL DEFAULT 0, -- of the last claim
	worker   TEXT    NOT NULL DEFAULT '',
	ends     INTEGER NOT NULL DEFAULT 0, -- when others may claim it
	PRIMARY KEY (campaign, low)
) STRICT, WITHOUT ROWID;

CREATE TABLE retries (
	id       BLOB    NOT NULL CHECK (length(id) = 16),
	campaign INTEGER NOT NULL REFERENCES campaigns,
	low      INTEGER NOT NULL, -- of its range
	attempts INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	departed INTEGER NOT NULL, -- its subscription is no more: only to be counted
	PRIMARY KEY (id, campaign)
) STRICT, WITHOUT ROWID;
CREATE INDEX retries_by_due ON retries (campaign, low, departed, due);

CREATE TABLE receipts (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	kind     TEXT    NOT NULL,
	nonce    BLOB    NOT NULL, -- the first half of its SHA-256
	PRIMARY KEY (campaign, kind, nonce)
) STRICT, WITHOUT ROWID;
