-- ARGV: how many users at most, how long the claim holds (microseconds).
-- Takes users that are due: nobody else gets them until the claim has run out. Answers {claim, facts of the users}.
local users = redis.call('ZRANGEBYSCORE', DUE, '-inf', int(now_us), 'LIMIT', 0, ARGV[1])
local claim = int(now_us + ARGV[2])
for _, user in ipairs(users) do redis.call('ZADD', DUE, claim, user) end
return {claim, facts(users)}
