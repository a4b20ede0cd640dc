#!/bin/sh
# Makes .venv from the pinned requirements; quick when nothing changed. `venv.sh dev` adds what development needs.
set -eu
cd "$(dirname "$0")/.."

stop() { echo "$*" >&2; exit 1; }

# An interpreter counts only after it ran: a shim on PATH may be dead or too old.
runs() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
has_apt_as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
    echo "Installing $* …"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null 2>&1; DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null 2>&1; }
}

find_python() {
    fallback=
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python /usr/bin/python3; do
        runs "$name" || continue
        if can_make_venvs "$name"; then echo "$name"; return 0; fi
        fallback=${fallback:-$name}
    done
    echo "$fallback"
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ]; then
        has_apt_as_root || stop "Python 3.11 or newer is needed, and none that runs was found: install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv) or name one with PYTHON=/path/to/python."
        apt_install python3 python3-venv || true
        python=$(find_python)
        [ -n "$python" ] || { apt_install python3.11 python3.11-venv || true; python=$(find_python); }
        [ -n "$python" ] || stop "Python 3.11 or newer is needed, and this system's packages have none: install one and name it with PYTHON=/path/to/python."
    fi
    if ! can_make_venvs "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        has_apt_as_root || stop "Python $version cannot make virtual environments: run «apt-get install python$version-venv» as root, then start again."
        apt_install "python$version-venv" || apt_install python3-venv || true
        can_make_venvs "$python" || stop "Python $version cannot make virtual environments, and installing python$version-venv failed: install it by hand, then start again."
    fi
    echo "Making .venv with $("$python" --version) …"
    "$python" -m venv --clear .venv || stop "Making .venv failed: is there room and the right to write in $(pwd)?"
}

fill_venv() { # requirements file, stamp
    echo "Installing $1 (once; a minute or two) …"
    .venv/bin/python -m pip install --disable-pip-version-check --no-input -qq -r "$1" ||
        stop "Installing $1 failed (see above): does this machine reach a Python package index?"
    echo "$2" >".venv/.installed-$1"
}

runs .venv/bin/python || make_venv
wanted=requirements.txt
[ "${1:-}" = dev ] && wanted=requirements-dev.txt
stamp=$(cat requirements.txt "$wanted" | cksum)
[ "$(cat ".venv/.installed-$wanted" 2>/dev/null)" = "$stamp" ] || fill_venv "$wanted" "$stamp"
