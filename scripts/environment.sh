# Sourced by the other scripts: makes sure of Python and of the project's locked packages in .venv, and sets `project`.
# Needs the working directory to be the project's root.

fail() { printf 'warren: %s\n' "$*" >&2; exit 1; }

tools=${WARREN_TOOLS_DIR:-$PWD/.run/tools}
project=$PWD/.venv
uv_version=0.13.9

# A Python of 3.11 or newer that can make virtual environments. The distribution's own first: it is built with profiles,
# those of version managers often are not (services took 6 % more CPU with one).
find_python() {
  local name
  for name in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
    command -v "$name" >/dev/null || continue
    "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v "$name" && return
  done
  return 1
}

install_python() {
  command -v apt-get >/dev/null || fail 'Python 3.11 or newer is missing: install it with its venv module, then run this again'
  [ "$(id -u)" = 0 ] || fail 'Python 3.11 or newer with venv is missing: run `sudo apt-get install -y python3 python3-venv`, then this again'
  echo '  ..  install Python'
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-venv ca-certificates; } >/dev/null \
    || fail '`apt-get install python3 python3-venv` failed: see above'
}

make_environment() {
  local python
  python=$(find_python) || { install_python; python=$(find_python); } \
    || fail 'this distribution has no Python 3.11 or newer: install one (Debian 12 and Ubuntu 24.04 have it), then run this again'
  mkdir -p "$tools"
  if [ ! -x "$tools/venv/bin/uv" ]; then
    "$python" -m venv "$tools/venv" || fail "could not make $tools/venv: check the disk space and remove that folder"
    "$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version" \
      || fail 'could not fetch uv from PyPI: check the network, then run this again'
  fi
  UV_PROJECT_ENVIRONMENT=$project "$tools/venv/bin/uv" sync --frozen --quiet --python "$python" \
    || fail 'could not install the Python packages of uv.lock: see above, then run this again'
  sha256sum uv.lock pyproject.toml >"$project/.synced"
}

# Told apart by content, so that a second start does not even ask uv.
if ! sha256sum --check --status "$project/.synced" 2>/dev/null; then
  echo "  ..  install the Python packages of uv.lock into .venv" >&2
  make_environment
fi
