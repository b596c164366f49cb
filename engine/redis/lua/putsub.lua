#!lua
-- Keeps a subscription, in place of one with the same ID and secret.
-- KEYS shard   ARGV id, version byte and secret, number of the last campaign
-- and creation time, the rest of the record
local have = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[1] .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
if not have then
  redis.call('ZADD', KEYS[1], 0, ARGV[1] .. ARGV[2] .. ARGV[3] .. ARGV[4])
  return 1
end
if string.sub(have, 17, 33) ~= ARGV[2] then return -1 end
local new = string.sub(have, 1, 49) .. ARGV[4]
if new ~= have then
  redis.call('ZADD', KEYS[1], 0, new)
  redis.call('ZREM', KEYS[1], have)
end
return 0
