#!lua flags=allow-oom
-- Ends a lease, if it still holds.
-- KEYS log   ARGV campaign, low, token
local seq = redis.call('HGET', KEYS[1] .. ':ids', ARGV[1])
if not seq then return 0 end
local c, low = KEYS[1] .. ':c:' .. seq, ARGV[2]
if redis.call('HGET', c .. ':p', low .. '.token') ~= ARGV[3] then return 0 end
whole(KEYS[1], c, low)
redis.call('HSET', c .. ':p', low .. '.ends', 0, low .. '.worker', '')
await(c, low, redis.call('HGET', c, 'cancelled'))
return 1
