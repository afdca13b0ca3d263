#!/bin/sh
# Starts RabbitMQ with the user and password that the secrets container made. The image takes them from the environment
# only; set here, they do not show in `docker inspect`.
set -eu
RABBITMQ_DEFAULT_USER=$(cat /run/warren/user)
RABBITMQ_DEFAULT_PASS=$(cat /run/warren/password)
export RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS
exec docker-entrypoint.sh rabbitmq-server
