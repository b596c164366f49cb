#!lua
-- Keeps an editor's credential. A sum has one holder: the last put with it.
-- KEYS editors, sums   ARGV id, sum, editor
local had = redis.call('HGET', KEYS[1], ARGV[1])
local holder = redis.call('HGET', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
if had and string.sub(had, 1, 32) ~= ARGV[2] then redis.call('HDEL', KEYS[2], string.sub(had, 1, 32)) end
if holder and holder ~= ARGV[1] then redis.call('HDEL', KEYS[1], holder) end
return 1
