"""What Warren's own containers run in Compose mode, in reading order.

secrets.py    once, before the servers: makes the secrets and gives each volume to its user
instance.py   in front of each service: finds the instance's name (reverse_dns.py), then becomes the service
alive.py      the services' health check
"""
