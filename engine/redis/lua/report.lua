#!lua flags=no-writes
-- Reads an item's last campaign, or the one with a number: how many
-- ranges are left, and its hash.
-- KEYS log   ARGV item, number or ''
local seq = ARGV[2]
if seq == '' then seq = redis.call('HGET', KEYS[1] .. ':reports', ARGV[1]) end
if not seq then return {} end
local c = KEYS[1] .. ':c:' .. seq
local out = redis.call('HGETALL', c)
out[#out + 1] = 'left'
out[#out + 1] = redis.call('ZCARD', c .. ':r')
return out
