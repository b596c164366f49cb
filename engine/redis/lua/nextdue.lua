#!lua flags=no-writes
-- Says when a range may next be claimed: '' for never.
-- KEYS log
if redis.call('EXISTS', KEYS[1] .. ':stop') == 1 then return '' end
local at
for _, seq in ipairs(redis.call('ZRANGE', KEYS[1] .. ':active', 0, -1)) do
  local first = redis.call('ZRANGE', KEYS[1] .. ':c:' .. seq .. ':r', 0, 0, 'WITHSCORES')[2]
  if first and (not at or tonumber(first) < tonumber(at)) then at = first end
end
return at or ''
