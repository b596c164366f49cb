#!lua flags=no-writes
-- Reads an item's last campaign: how many ranges are left, and its hash.
-- KEYS log   ARGV item
local seq = redis.call('HGET', KEYS[1] .. ':reports', ARGV[1])
if not seq then return {} end
local c = KEYS[1] .. ':c:' .. seq
local out = redis.call('HGETALL', c)
out[#out + 1] = 'left'
out[#out + 1] = redis.call('ZCARD', c .. ':r')
return out
