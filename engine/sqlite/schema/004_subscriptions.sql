-- A subscriber has one clock, a time of day for the digest and a word on
-- flashes. Who had quiet hours was promised that flashes heed them too, and who
-- had none that they heed no bound: both stay as they were.

ALTER TABLE subscriptions ADD COLUMN zone         TEXT    NOT NULL DEFAULT '';   -- '' for UTC
ALTER TABLE subscriptions ADD COLUMN digest       INTEGER NOT NULL DEFAULT 1080; -- minutes after midnight
ALTER TABLE subscriptions ADD COLUMN flash_always INTEGER NOT NULL DEFAULT 1;
ALTER TABLE subscriptions ADD COLUMN vapid        INTEGER NOT NULL DEFAULT 0;    -- number of the key it was made with
ALTER TABLE subscriptions ADD COLUMN unconfirmed  INTEGER NOT NULL DEFAULT 0;
UPDATE subscriptions SET zone = quiet_zone, flash_always = 0 WHERE quiet_zone IS NOT NULL;
ALTER TABLE subscriptions DROP COLUMN quiet_zone;

-- Those who got nothing now, as it waits for their digest.
ALTER TABLE tallies ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
