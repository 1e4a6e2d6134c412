#!/usr/bin/env bash
# Makes sure of the system packages of the lanes named: install-system-packages.sh LANE...
# As root, missing ones are installed by apt-get; otherwise they are named, with the one command to run.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")

python_with_venv() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return 0
    done
    return 1
}

present() {
    case "$1" in
        python3-venv) python_with_venv ;;
        /*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] ;;
    esac
}

missing=()
while read -r lane package sign _; do
    [[ " $* " == *" $lane "* ]] || continue
    present "$sign" || missing+=("$package")
done < <(grep -v '^#' "$here/system-packages.txt")

[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing system packages: ${missing[*]}" >&2
    command -v apt-get >/dev/null && echo "Install them with:  sudo $here/$(basename "$0") $*" >&2
    exit 2
fi

echo "system packages: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The server's package would make a cluster and start it on port 5432; tests make their own (pg_createcluster's settings,
# https://manpages.debian.org/bookworm/postgresql-common/pg_createcluster.1.en.html). Only while this installs.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    no_cluster=/etc/postgresql-common/createcluster.d/vonggac-setup.conf
    mkdir -p "${no_cluster%/*}"
    trap 'rm -f "$log" "$no_cluster"; rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"' EXIT
    echo "create_main_cluster = false" >"$no_cluster"
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get could not install: ${missing[*]} (its last lines are above)" >&2
    exit 2
fi
