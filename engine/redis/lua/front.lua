#!lua flags=no-writes
-- Reads the newest n live items and the newest n drills, with the head.
-- KEYS log, items, live, drills   ARGV seen epoch, offset, mark; n
local h, why = standing(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not h then return {'rewound', why} end
local out = {'ok', h[1], h[2], h[4]}
for _, v in ipairs(newest({KEYS[3], KEYS[4]}, KEYS[2], '+inf', ARGV[4], 2 * ARGV[4])) do out[#out + 1] = v end
return out
