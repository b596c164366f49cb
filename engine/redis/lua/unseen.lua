#!lua flags=allow-oom
-- Forgets those of a shard's subscriptions that were last put before a time.
-- Returns which of the ids went.
-- KEYS shard   ARGV time, 1 for only those that are unconfirmed, id …
local gone = {}
for i = 3, #ARGV do
  local have = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[i], '(' .. ARGV[i] .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
  if have and struct.unpack('>I8', string.sub(have, 50, 57)) < tonumber(ARGV[1])
    and (ARGV[2] ~= '1' or string.byte(have, 123) >= 128) then
    redis.call('ZREM', KEYS[1], have)
    gone[#gone + 1] = ARGV[i]
  end
end
return gone
