-- The live report: counts by push service, and when receipts of displaying came.

CREATE TABLE service_counts (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	service  TEXT    NOT NULL,
	name     TEXT    NOT NULL, -- see engine.Counts
	n        INTEGER NOT NULL,
	PRIMARY KEY (campaign, service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE displays (
	campaign INTEGER NOT NULL REFERENCES campaigns,
	tenth    INTEGER NOT NULL, -- see push.Tenth
	n        INTEGER NOT NULL,
	PRIMARY KEY (campaign, tenth)
) STRICT, WITHOUT ROWID;

ALTER TABLE campaigns ADD COLUMN sample INTEGER NOT NULL DEFAULT 0; -- one browser in so many tells that it displayed it
