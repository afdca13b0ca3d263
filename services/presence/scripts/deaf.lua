-- ARGV: leases whose queue is gone. The sweeper drops their watches; their connections count on.
for _, lease in ipairs(ARGV) do
  if redis.call('EXISTS', gateway_key(lease)) == 1 then redis.call('HSET', gateway_key(lease), 'deaf', 1) end
end
return 'done'
