-- ARGV: user, status, and the text unless it stays as it is.
local user, status = ARGV[1], ARGV[2]
if hidden(status) and redis.call('HLEN', entries_key(user)) > 0 then has_left(user, now) end -- while the old status counts
redis.call('HSET', user_key(user), 'status', status)
if ARGV[3] then redis.call('HSET', user_key(user), 'text', ARGV[3]) end
look_at(user)
return 'done'
