#!lua
-- Keeps a rate, unless one as late is there.
-- KEYS rates   ARGV service, when it was learned, text
local have = redis.call('HGET', KEYS[1], ARGV[1])
if have and tonumber(string.match(have, '^%S+')) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
