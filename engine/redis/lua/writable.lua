#!lua
-- Writes nothing, but is refused wherever a script that writes would be.
-- KEYS log   ARGV seen epoch, offset, mark
local h, why = standing(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not h then return {'rewound', why} end
return {'ok', h[1], h[2], h[4]}
