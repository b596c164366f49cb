#!lua flags=allow-oom
-- Forgets an editor's credential.
-- KEYS editors, sums   ARGV id
local had = redis.call('HGET', KEYS[1], ARGV[1])
if not had then return 0 end
redis.call('HDEL', KEYS[2], string.sub(had, 1, 32))
return redis.call('HDEL', KEYS[1], ARGV[1])
