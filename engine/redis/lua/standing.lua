-- standing reads the log's head, unless the log is not the one the caller
-- knew. The caller's evidence is the last entry it has seen: the epoch, the
-- offset and the entry's mark. A log of that epoch in which the entry is
-- missing or bears another mark has lost history. Trimmed entries prove
-- nothing either way. Nor is one for us that a newer version has changed. Returns {epoch, head, floor, mark}, or nil and the reason.
local function standing(log, epoch, offset, mark)
  local h = redis.call('HMGET', log, 'epoch', 'head', 'floor', 'mark', 'schema')
  if not h[1] then return nil, 'the log is gone' end
  if h[5] and tonumber(h[5]) > SCHEMA then return nil, 'the log has a newer schema' end
  h[2], h[3] = tonumber(h[2]), tonumber(h[3])
  if h[1] ~= epoch then return h end
  local at = tonumber(offset)
  if at > h[2] then return nil, string.format('the log ends at %d and had reached %d', h[2], at) end
  local have = mark
  if at == h[2] then
    have = h[4]
  elseif at > h[3] then
    local e = redis.call('XRANGE', log .. ':entries', offset .. '-0', offset .. '-0')
    have = e[1] and e[1][2][4]
  end
  if have ~= mark then return nil, string.format('entry %d is not the one that was seen', at) end
  return h
end
