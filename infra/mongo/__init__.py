"""MongoDB as a replica set, in both modes.

native.py        the members as programs of native mode
replica_set.py   initiates the set and makes Warren's user, at every start; a container's command in compose mode
"""
