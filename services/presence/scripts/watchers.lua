-- ARGV: users. Answers {leases of the watchers of each, lease and queue in turn}; who cannot hear is left out.
local rows, known, queues = {}, {}, {}
for _, user in ipairs(ARGV) do
  local row = {}
  for _, lease in ipairs(redis.call('SMEMBERS', watchers_key(user))) do
    if known[lease] == nil then
      local gateway = redis.call('HMGET', gateway_key(lease), 'queue', 'ended', 'deaf')
      known[lease] = gateway[1] and not gateway[2] and not gateway[3]
      if known[lease] then
        queues[#queues + 1] = lease
        queues[#queues + 1] = gateway[1]
      end
    end
    if known[lease] then row[#row + 1] = lease end
  end
  rows[#rows + 1] = row
end
return {rows, queues}
