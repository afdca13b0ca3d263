#!/usr/bin/env bash
# Installs, starts, watches and stops a whole Warren on this machine: see --help.
# This file only makes sure of Python and the project's locked dependencies; the work is done by infra/deploy.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/environment.sh
exec "$project/bin/python" -m infra.deploy "$@"
