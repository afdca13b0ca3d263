-- ARGV: users.
return facts(ARGV)
