"""How Warren is put on a machine.

deploy/    the `deploy-distributed.sh` command: native mode and Docker Compose mode behind one interface
compose/ docker/    what Compose mode adds: small programs in its containers, and the images
rabbitmq/ mongo/ redis/ consul/ nginx/    one folder a server: its configuration and how it is started
"""
