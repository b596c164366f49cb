-- newest is the values of the items in the sets, newest item first: of each
-- set the n newest before the bound, and of those at most most.
local function newest(sets, items, before, n, most)
  local found = {}
  for _, set in ipairs(sets) do
    local r = redis.call('ZREVRANGEBYSCORE', set, before, '-inf', 'WITHSCORES', 'LIMIT', 0, n)
    for i = 1, #r, 2 do found[#found + 1] = {r[i], tonumber(r[i + 1])} end
  end
  table.sort(found, function(a, b) return a[2] > b[2] end)
  local out = {}
  for i = 1, math.min(#found, most), 500 do -- unpack has a limit
    local ids = {}
    for k = i, math.min(#found, most, i + 499) do ids[#ids + 1] = found[k][1] end
    for _, v in ipairs(redis.call('HMGET', items, unpack(ids))) do
      if v then out[#out + 1] = v end
    end
  end
  return out
end
