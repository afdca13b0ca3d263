-- ARGV: claim, then user, mark that was told, time of the next look (microseconds or '') in turn.
-- Whose claim is gone (it ran out, or something changed meanwhile) may not say what watchers know: the next look tells.
local claim = tonumber(ARGV[1])
for i = 2, #ARGV, 3 do
  local user, told, next = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if tonumber(redis.call('ZSCORE', DUE, user) or 0) ~= claim then
    redis.call('HSET', user_key(user), 'told', 'unsure')
  else
    if told == '' then redis.call('HDEL', user_key(user), 'told') else redis.call('HSET', user_key(user), 'told', told) end
    if next == '' then redis.call('ZREM', DUE, user) else redis.call('ZADD', DUE, next, user) end
  end
end
return 'done'
