#!lua
-- Keeps a subscription, in place of one with the same ID and secret. What was
-- confirmed stays so.
-- KEYS shard   ARGV id, version byte and secret, number of the last campaign
-- and creation time, the rest of the record
-- Returns 1 for a new one, 2 for one that is not as it was but for when it was
-- put, 0 for one that is, -1 for another browser's.
local have = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[1] .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
if not have then
  redis.call('ZADD', KEYS[1], 0, ARGV[1] .. ARGV[2] .. ARGV[3] .. ARGV[4])
  return 1
end
if string.sub(have, 18, 33) ~= string.sub(ARGV[2], 2) then return -1 end
local rest = ARGV[4]
local flags = string.byte(rest, 74) -- byte 122 of the record
if flags >= 128 and string.byte(have, 123) < 128 then
  rest = string.sub(rest, 1, 73) .. string.char(flags - 128) .. string.sub(rest, 75)
end
local new = ARGV[1] .. ARGV[2] .. string.sub(have, 34, 49) .. rest
if new ~= have then
  redis.call('ZADD', KEYS[1], 0, new)
  redis.call('ZREM', KEYS[1], have)
end
if string.sub(rest, 9) ~= string.sub(have, 58) then return 2 end
return 0
