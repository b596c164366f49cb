-- The number of the last checkpoint of a range's lease: see push.Progress.

ALTER TABLE ranges ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
