#!/usr/bin/env bash
# Everything that proves Warren works: ./scripts/test.sh [--help]
#
#   ./scripts/test.sh            all of it (under 10 minutes on 2 cores); exit 0 only when all of it is well
#   ./scripts/test.sh static     only the checks that run nothing: ruff, mypy --strict, import rules, eslint, tsc
#   ./scripts/test.sh unit       only the tests that need no server (seconds)
#   ./scripts/test.sh run ARGS   only pytest, with ARGS, for example: run tests/integration -k session
#
# Installs what it needs: Python packages and npm packages from the lock files; and, where it may (root and apt), the
# servers and Chromium. The servers run on private ports in folders of their own and are stopped at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
case $what in
  all | static | unit | run) ;;
  -h | --help | help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) printf 'test.sh: unknown argument %s; see --help\n' "$what" >&2; exit 2 ;;
esac
[ $# = 0 ] || shift

. scripts/environment.sh
bin=$project/bin
began=$SECONDS

step() { # step NAME COMMAND...: one line when it is well, its whole output when it is not
  local name=$1 start=$SECONDS output; shift
  printf '  ..  %s\n' "$name"
  if output=$("$@" 2>&1); then
    printf '  ok  %-58s %3d s\n' "$name" $((SECONDS - start))
  else
    printf '%s\n\ntest.sh: %s failed: %s\n' "$output" "$name" "$*" >&2
    exit 1
  fi
}

web() { "$bin/python" -m infra.deploy.npm "$@"; }

python_checks() {
  step 'ruff' "$bin/ruff" check --quiet
  step 'ruff format' "$bin/ruff" format --check --quiet
  step 'mypy --strict' "$bin/mypy"
  step 'import rules' "$bin/lint-imports"
}

web_checks() {
  step 'npm packages of the lock file' web ci
  step 'eslint' web run lint
  step 'tsc' web run typecheck
}

web_checks_and_tests() {
  web_checks
  step 'vitest' web test
}

side_by_side() { # side_by_side ONE OTHER: two functions, a core each; both come to their end, or to their first failure
  local code=0
  ("$1") &
  ("$2") || code=$?
  wait $! || code=$?
  [ $code = 0 ] || exit $code
}

pytest() { # the closing line of the run is pytest's own
  "$bin/python" -m pytest "$@"
}

all_tests() { # tests PATH...: all; up to three that failed run once more, by themselves
  local code=0 failed kept=.pytest_cache/v/cache/lastfailed
  rm -f "$kept" # may name tests that there are no more
  # Two workers take a file at a time, in the order given here. What judges the whole Warren by the clock comes last and
  # by itself (tests/support/sharing.py).
  pytest -n 2 --no-loadscope-reorder "$@" || code=$?
  [ $code = 1 ] || return $code
  failed=$("$bin/python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$kept")
  [ "$failed" -le 3 ] || return 1
  # Real processes on a busy machine can be late. What only passes now is named above and deserves a look.
  printf '\ntest.sh: %s failed (see above); once more, by itself\n' "$failed" >&2
  pytest --last-failed "$@"
}

case $what in
  static) side_by_side web_checks python_checks ;;
  unit) step 'vitest' web test; pytest tests/unit "$@" ;;
  run) pytest "$@" ;;
  all)
    side_by_side web_checks_and_tests python_checks
    all_tests tests/integration tests/unit tests/system tests/browser tests/faults/test_short.py "$@"
    printf 'test.sh: all is well, in %d s\n' $((SECONDS - began)) >&2
    ;;
esac
