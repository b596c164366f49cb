#!lua
-- Appends an entry, once per idempotency key.
-- KEYS log, entries, items, live, drills, story, idempotency key
-- ARGV seen epoch, offset, mark; mark, now, item, version, posted, drill,
--      story, editor, body, sum, life of the key in ms, channel, touch
local log, entries, items, story, key = KEYS[1], KEYS[2], KEYS[3], KEYS[6], KEYS[7]
local mark, now, id, version, posted = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8] == '1'
local drill, body, sum, life = ARGV[9], ARGV[12], ARGV[13], ARGV[14]

local h, why = standing(log, ARGV[1], ARGV[2], ARGV[3])
if not h then return {'rewound', why} end

local used = redis.call('GET', key)
if used then
  if string.sub(used, 1, 32) ~= sum then return {'reused'} end
  -- Its mark tells a caller whose first answer was lost that the entry is its own.
  local id = string.match(used, '^%d+', 33) .. '-0'
  local entry = redis.call('XRANGE', entries, id, id)[1]
  -- A write, so that a WAIT after it waits for what the first call wrote.
  if ARGV[16] == '1' then redis.call('PEXPIRE', key, life) end
  return {'replayed', h[1], string.sub(used, 33), entry and entry[2][4] or ''}
end

local offset = h[2] + 1
local first = offset
local have = redis.call('HGET', items, id)
local was = {}
if have then
  was.version, was.first, was.drill, was.story = string.match(have, '^(%d+) (%d+) %d+ (%d) (%S+)\n')
  if posted or tonumber(was.version) + 1 ~= tonumber(version) then return {'conflict'} end
  first = tonumber(was.first)
elseif not posted then
  return {'noitem'}
elseif version ~= '1' then
  return {'conflict'}
end

-- What is written below has been read above, or is here: a key of another type
-- stops a script where it is, and nothing undoes what it has written.
redis.call('XLEN', entries)
redis.call('ZCARD', KEYS[4])
redis.call('ZCARD', KEYS[5])
redis.call('ZCARD', story)

local packed = string.format('%d %d ', offset, first) .. body
redis.call('XADD', entries, string.format('%d-0', offset),
  'first', first, 'mark', mark, 'at', now, 'by', ARGV[11], 'body', body)
redis.call('HSET', log, 'head', offset, 'mark', mark)
redis.call('HSET', items, id, string.format('%s %d %d %s %s\n', version, first, offset, drill, ARGV[10]) .. body)
redis.call('SET', key, sum .. packed, 'PX', life)
if was.drill ~= drill then
  if was.drill then redis.call('ZREM', drill == '1' and KEYS[4] or KEYS[5], id) end
  redis.call('ZADD', drill == '1' and KEYS[5] or KEYS[4], first, id)
end
if was.story ~= ARGV[10] then
  if was.story then redis.call('ZREM', log .. ':story:' .. was.story, id) end
  redis.call('ZADD', story, first, id)
end
redis.call('PUBLISH', ARGV[15], h[1] .. ' ' .. h[4] .. ' ' .. mark .. ' ' .. packed)
return {'appended', h[1], packed}
