#!lua
-- Notes that notifications arrive at a subscription. Returns 2 if that is new.
-- KEYS shard   ARGV id, secret
local have = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[1] .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
if not have then return 0 end
if string.sub(have, 18, 33) ~= ARGV[2] then return -1 end
local flags = string.byte(have, 123)
if flags >= 128 then
  redis.call('ZADD', KEYS[1], 0, string.sub(have, 1, 122) .. string.char(flags - 128) .. string.sub(have, 124))
  redis.call('ZREM', KEYS[1], have)
  return 2
end
return 1
