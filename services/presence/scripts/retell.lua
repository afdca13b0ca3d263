-- ARGV: users of whom one watcher knows something that the others were not told: look again, and tell whatever it is.
for _, user in ipairs(ARGV) do
  redis.call('HSET', user_key(user), 'told', 'unsure')
  look_at(user)
end
return 'done'
