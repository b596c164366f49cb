#!lua flags=no-writes
-- Says whether the log can be moved from here as it is.
-- KEYS log
local l = redis.call('HMGET', KEYS[1], 'epoch', 'moving', 'schema', 'run')
if l[2] then return {'moving'} end
if not l[1] then return {'none'} end
if tonumber(l[3]) > SCHEMA then return {'newer', l[3]} end
if l[4] ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') then return {'restarted'} end
return {'stands'}
