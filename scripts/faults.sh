#!/usr/bin/env bash
# Breaks a Warren on purpose while people chat, in every way that the suite knows, and reports what held: ./scripts/faults.sh [--help]
#
#   ./scripts/faults.sh                  every experiment; writes docs/reports/faults.md and docs/reports/faults.svg
#   ./scripts/faults.sh --runs 5         each experiment five times, each time with another seed
#   ./scripts/faults.sh run NAME ...     only these, and no report; `list` names them
#   ./scripts/faults.sh campaign         an hour of random faults with a million messages, then everything five times;
#                                        the same command goes on with one that was stopped (campaign --help)
#   ./scripts/faults.sh report DIR ...   write the report of runs that were made before, from their outcomes in all DIRs
#   ./scripts/faults.sh cluster          on Docker Compose: one node of a three-node RabbitMQ cluster is killed (cluster --help)
#   ./scripts/faults.sh mutations        take out one safeguard at a time: the checker must notice
#
# Options: --seconds --rate --users --rooms --members --seed --runs (see python -m tests.faults all --help).
# Exit 0 only when every promise held within its time. The Warren runs on private ports and is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  -h | --help | help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

. scripts/environment.sh
python=$project/bin/python
case ${1:-} in
  run | list | report | campaign) exec "$python" -m tests.faults "$@" ;;
  mutations | cluster) exec "$python" -m "tests.faults.$1" "${@:2}" ;;
  *) exec "$python" -m tests.faults all --report docs/reports/faults.md "$@" ;;
esac
