#!lua flags=no-writes
-- Reads the newest items of the sets.
-- KEYS items, set …   ARGV before (a bound of ZREVRANGEBYSCORE), n
local sets = {}
for i = 2, #KEYS do sets[#sets + 1] = KEYS[i] end
return newest(sets, KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[2]))
