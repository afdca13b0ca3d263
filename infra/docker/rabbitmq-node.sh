#!/bin/sh
# Starts one node of the RabbitMQ cluster of infra/compose/cluster.yaml. Nodes trust each other by a cookie, which all
# make from the password that they share; who knows that password may do everything anyway.
set -eu
cookie=/var/lib/rabbitmq/.erlang.cookie
umask 077
sha256sum /run/warren/password | cut -c1-64 >"$cookie"
chmod 600 "$cookie"
umask 022
# A machine that is gone does not say so: a node that asks after a process there waits for the connection, 7 s by default,
# and for as long the queues stood still that the dead one had led (7.5 s without a message; with this 2.5).
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="${RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:-} -kernel net_setuptime 2"
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS
exec sh /usr/local/lib/warren/rabbitmq.sh
