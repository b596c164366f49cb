-- The story whose notification a campaign's replace on a device: see push.Campaign.Story.

ALTER TABLE campaigns ADD COLUMN story TEXT NOT NULL DEFAULT '';
UPDATE campaigns SET story = iif(entry ->> '$.item.drill', 'drill ', '') || (entry ->> '$.item.story')
	WHERE entry ->> '$.kind' <> 'digest';

-- What push.Subscriptions.Changes tells.
ALTER TABLE sending ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;

-- What was promised when a campaign opened; 0 for nothing.
ALTER TABLE campaigns ADD COLUMN promised REAL NOT NULL DEFAULT 0; -- the share
ALTER TABLE campaigns ADD COLUMN within INTEGER NOT NULL DEFAULT 0; -- ms
