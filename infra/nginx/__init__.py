"""nginx in front of the gateways: one origin for the app, REST and sockets.

http.conf locations.conf   the rules, the same in both modes
native.py                  writes the rest of native mode's configuration and says how to start it
discovery.py               native mode: keeps the list of gateways as Consul has it (`python -m infra.nginx.discovery`)
compose/                   Docker Compose mode, where nginx asks Consul's DNS itself
"""
