-- ARGV: lease, queue, number, then four lists, each after its length:
-- connection and user in turn (connected), the same (disconnected), users (watch), users (unwatch).
-- Answers 'done', 'stale' (a late repetition of what was done long ago) or 'lost' (open another lease).
local lease, queue, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local gateway = redis.call('HMGET', gateway_key(lease), 'number', 'ended', 'deaf')
local last = tonumber(gateway[1] or 0)
if gateway[2] or gateway[3] or number > last + 1 then return 'lost' end
if last == 0 and redis.call('EXISTS', lease_key(lease)) == 0 then return 'lost' end
if number < last then return 'stale' end

redis.call('SADD', LEASES, lease)
redis.call('HSET', gateway_key(lease), 'queue', queue, 'number', number)

local at = 4
local function list(width)
  local length = tonumber(ARGV[at])
  local first = at + 1
  at = first + length * width
  return first, at - 1
end

local first, past = list(2)
for i = first, past, 2 do
  redis.call('HSET', entries_key(ARGV[i + 1]), ARGV[i], lease)
  redis.call('SADD', users_key(lease), ARGV[i + 1])
  look_at(ARGV[i + 1])
end

first, past = list(2)
for i = first, past, 2 do
  local connection, user = ARGV[i], ARGV[i + 1]
  if redis.call('HDEL', entries_key(user), connection) == 1 then
    has_left(user, now)
    local more = false
    for _, other in ipairs(redis.call('HVALS', entries_key(user))) do more = more or other == lease end
    if not more then redis.call('SREM', users_key(lease), user) end
  end
end

first, past = list(1)
for i = first, past do
  redis.call('SADD', watched_key(lease), ARGV[i])
  redis.call('SADD', watchers_key(ARGV[i]), lease)
end

first, past = list(1)
for i = first, past do
  redis.call('SREM', watched_key(lease), ARGV[i])
  redis.call('SREM', watchers_key(ARGV[i]), lease)
end
return 'done'
