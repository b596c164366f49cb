#!lua flags=allow-oom
-- Forgets a subscription: of its owner, who has the secret, or one that was
-- made before the campaign that found it gone.
-- KEYS shard   ARGV id, secret or '', number of the campaign or ''
local have = redis.call('ZRANGE', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[1] .. '\255', 'BYLEX', 'LIMIT', 0, 1)[1]
if not have then return 0 end
if ARGV[2] ~= '' and string.sub(have, 18, 33) ~= ARGV[2] then return -1 end
if ARGV[3] ~= '' and struct.unpack('>I8', string.sub(have, 34, 41)) >= tonumber(ARGV[3]) then return 0 end
return redis.call('ZREM', KEYS[1], have)
