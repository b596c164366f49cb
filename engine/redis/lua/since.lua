#!lua flags=no-writes
-- Reads entries after a cursor.
-- KEYS log, entries
-- ARGV seen epoch, offset, mark; epoch, offset of the cursor; count
local h, why = standing(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if not h then return {'rewound', why} end
local from = tonumber(ARGV[5])
local zero = ARGV[4] == '' and from == 0
if not zero and ARGV[4] ~= h[1] or from < h[3] or from > h[2] then return {'lost', h[1], h[2], h[4]} end
local out = {'ok', h[1], h[2], h[4]}
for _, e in ipairs(redis.call('XRANGE', KEYS[2], string.format('%d-0', from + 1), '+', 'COUNT', ARGV[6])) do
  out[#out + 1] = string.match(e[1], '^%d+') .. ' ' .. e[2][2] .. ' ' .. e[2][10]
end
return out
