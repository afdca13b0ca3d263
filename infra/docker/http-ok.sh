#!/bin/bash
# Health check without curl: succeeds when GET http://127.0.0.1:PORT/PATH answers 200.
# http-ok.sh PORT PATH [FOLDER]   FOLDER holds the files `user` and `password` for HTTP basic authentication
set -eu
exec 3<>"/dev/tcp/127.0.0.1/$1"
authorization=
if [ $# -gt 2 ]; then
  authorization="Authorization: Basic $(printf '%s:%s' "$(<"$3/user")" "$(<"$3/password")" | base64 -w0)"$'\r\n'
fi
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n%s\r\n' "$2" "$authorization" >&3
read -r -t 5 _ code _ <&3
[ "$code" = 200 ]
