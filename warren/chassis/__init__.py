"""The machinery every service stands on. It knows AMQP, Consul and signals and has never heard of rooms.

settings.py   one typed object from the environment, checked before anything starts
telemetry.py  structured logs, request and trace ids, metrics
clock.py      the time, as a value that tests can replace
lifecycle.py  start inward-out, stop outward-in, tasks that belong to somebody
amqp_frames.py amqp_client.py   frames of the message path in one step, under the AMQP client
broker.py     one RabbitMQ connection: connect, open channels, and come back after a loss
channel.py    what is done on a channel: declare, publish, and what may go wrong
rpc_client.py typed calls with deadlines: the calling end
rpc_server.py the answering end
breaker.py    stop calling what is down
together.py   ask once for all who want to know meanwhile
mongo.py redis.py   clients that wait for their server
health.py     what /health/ready says, the event loop's lag
canaries.py   which partitions have not let a message through
ops.py        the HTTP server with /health, /health/live, /health/ready, /metrics
discovery.py  registration in Consul that survives Consul's restart
instance.py   all of that put together: what every service is built around
"""
