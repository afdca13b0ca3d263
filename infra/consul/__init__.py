"""Consul: native.py writes its configuration and says how to start it."""
