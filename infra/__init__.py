"""How Warren is put on a machine.

deploy/    the `deploy-distributed.sh` command: native mode and Docker Compose mode behind one interface
rabbitmq/ mongo/ redis/ consul/ nginx/    one folder a server: its configuration and how it is started
"""
