#!/bin/sh
# Starts one node of the RabbitMQ cluster of infra/compose/cluster.yaml. Nodes trust each other by a cookie, which all
# make from the password that they share; who knows that password may do everything anyway.
set -eu
cookie=/var/lib/rabbitmq/.erlang.cookie
umask 077
sha256sum /run/warren/password | cut -c1-64 >"$cookie"
chmod 600 "$cookie"
umask 022
exec sh /usr/local/lib/warren/rabbitmq.sh
