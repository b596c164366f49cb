#!lua flags=no-writes
-- Reads an item's last campaign, or the one with a number: how many ranges are
-- left, where each stands, and its hash.
-- KEYS log   ARGV item, number or ''
local seq = ARGV[2]
if seq == '' then seq = redis.call('HGET', KEYS[1] .. ':reports', ARGV[1]) end
if not seq then return {} end
local c = KEYS[1] .. ':c:' .. seq
local lows = redis.call('ZRANGE', c .. ':r', 0, -1)
local out = {#lows}
for _, low in ipairs(lows) do
  local p = redis.call('HMGET', c .. ':p', low .. '.high', low .. '.position', low .. '.scanned')
  out[#out + 1] = low
  for i = 1, 3 do out[#out + 1] = p[i] end
end
local fields = redis.call('HGETALL', c)
for i = 1, #fields do out[#out + 1] = fields[i] end
return out
