-- ARGV: grace (ms), how many users to deal with at most. Answers 1 if there is more to do now.
-- Notes the end of leases; when grace is over their entries fall off; watches of ended and deaf ones fall off at once.
local grace, left = tonumber(ARGV[1]), tonumber(ARGV[2])

local function take(key)
  if left <= 0 then return {} end
  local users = redis.call('SPOP', key, left)
  left = left - #users
  return users
end

local function drop_watches(lease)
  for _, user in ipairs(take(watched_key(lease))) do redis.call('SREM', watchers_key(user), lease) end
end

local function drop_entries(lease, ended)
  for _, user in ipairs(take(users_key(lease))) do
    local entries = redis.call('HGETALL', entries_key(user))
    for i = 1, #entries, 2 do
      if entries[i + 1] == lease then redis.call('HDEL', entries_key(user), entries[i]) end
    end
    has_left(user, ended)
  end
end

local function empty(lease)
  return redis.call('EXISTS', users_key(lease)) == 0 and redis.call('EXISTS', watched_key(lease)) == 0
end

for _, lease in ipairs(redis.call('SMEMBERS', LEASES)) do
  local gateway = redis.call('HMGET', gateway_key(lease), 'ended', 'deaf')
  local ended = tonumber(gateway[1] or 0)
  if ended == 0 and redis.call('EXISTS', lease_key(lease)) == 0 then
    ended = now
    redis.call('HSET', gateway_key(lease), 'ended', int(ended))
  end
  if ended > 0 or gateway[2] then drop_watches(lease) end
  if ended > 0 and now >= ended + grace then
    drop_entries(lease, ended)
    if empty(lease) then
      redis.call('SREM', LEASES, lease)
      redis.call('DEL', gateway_key(lease))
    end
  end
end
return left <= 0 and 1 or 0
