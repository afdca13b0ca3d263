#!/bin/bash
# Health check of a MongoDB member without mongosh, which costs a second of CPU each time: asks `hello`, which needs no
# authentication, in MongoDB's wire protocol, and succeeds when the member says who it is.
set -eu
exec 3<>/dev/tcp/127.0.0.1/27017
# OP_MSG (opcode 2013) of 52 bytes: header, flags 0, section 0, and the BSON of {hello: 1, $db: "admin"}.
printf '\x34\0\0\0\1\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\1\0\0\0\x02$db\0\6\0\0\0admin\0\0' >&3
timeout 5 dd bs=4096 count=1 status=none <&3 | grep -a -q isWritablePrimary
