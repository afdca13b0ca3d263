-- Put before every other script: the keys, and the time of this step by Redis's own clock, which all instances share.
-- All keys must be on one Redis: scripts compute the names of what they touch.
local LEASES = 'presence:leases'                                                                -- set: leases that are known
local DUE = 'presence:due'                           -- sorted set: users to look at, by the time to do so (microseconds)
local function lease_key(lease) return 'presence:lease:' .. lease end                -- string: alive; written by gateways
local function gateway_key(lease) return 'presence:gateway:' .. lease end            -- hash: queue, number, ended, deaf
local function users_key(lease) return 'presence:users:' .. lease end            -- set: users with an entry on this lease
local function watched_key(lease) return 'presence:watched:' .. lease end            -- set: users that this lease watches
local function watchers_key(user) return 'presence:watchers:' .. user end                         -- set: the same, turned
local function entries_key(user) return 'presence:entries:' .. user end                      -- hash: connection -> lease
local function user_key(user) return 'presence:user:' .. user end        -- hash: status, text, left, last_seen (ms), told

local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local now = math.floor(now_us / 1000)
local function int(number) return string.format('%.0f', number) end
local function hidden(status) return status == 'invisible' or status == 'offline' end

-- Something about this user may have changed: the next tick of any instance looks.
local function look_at(user) redis.call('ZADD', DUE, int(now_us), user) end

-- A connection of this user ended at `at` (ms).
local function has_left(user, at)
  local values = redis.call('HMGET', user_key(user), 'left', 'last_seen', 'status')
  if at > tonumber(values[1] or 0) then redis.call('HSET', user_key(user), 'left', int(at)) end
  if at > tonumber(values[2] or 0) and not hidden(values[3]) then
    redis.call('HSET', user_key(user), 'last_seen', int(at))
  end
  look_at(user)
end

-- What engine.Facts and engine.Leases need: {now_us, rows, leases and when they ended in turn}.
local function facts(users)
  local rows, known, leases = {}, {}, {}
  for _, user in ipairs(users) do
    local values = redis.call('HMGET', user_key(user), 'status', 'text', 'left', 'last_seen', 'told')
    local entries = redis.call('HVALS', entries_key(user))
    for _, lease in ipairs(entries) do
      if not known[lease] then
        known[lease] = true
        local ended = redis.call('HGET', gateway_key(lease), 'ended')
        if ended then
          leases[#leases + 1] = lease
          leases[#leases + 1] = ended
        elseif redis.call('EXISTS', lease_key(lease)) == 1 then
          leases[#leases + 1] = lease
          leases[#leases + 1] = '0'
        elseif redis.call('EXISTS', gateway_key(lease)) == 1 then -- just now, and the sweeper has not noticed yet
          leases[#leases + 1] = lease
          leases[#leases + 1] = int(now)
        end
      end
    end
    rows[#rows + 1] = {user, values[1] or '', values[2] or '', values[3] or '0', values[4] or '0', values[5] or '', entries}
  end
  return {int(now_us), rows, leases}
end
