#!/usr/bin/env bash
# From a clean clone to a working .venv: locked dependencies by hash, the four distributions editable, the rulebook
# compiled. Safe to run again: what is already as it should be is left alone.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$here")")
cd "$root"
distributions=(policies agent collector dashboards)

mkdir -p build
exec 9>build/setup.lock
flock 9

# The real binary: a version manager's shim would cost every start of every command.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        "$name" -c 'import sys, venv, ensurepip
sys.exit("too old") if sys.version_info < (3, 11) else print(sys.executable)' 2>/dev/null && return 0
    done
    return 1
}

install_dependencies() {
    local digest python
    digest=$(cat requirements/development.txt "${distributions[@]/%//pyproject.toml}" "$here/setup.sh" | sha256sum | cut -d' ' -f1)
    if [ -x .venv/bin/python ] && [ "$(cat .venv/.setup-digest 2>/dev/null)" = "$digest" ]; then
        return 0
    fi
    "$here/install-system-packages.sh" setup
    python=$(find_python) || {
        echo "No Python 3.11 or newer with its venv module was found; Debian 12 has it as python3 and python3-venv." >&2
        exit 2
    }
    if ! .venv/bin/python -c '' 2>/dev/null; then
        echo "setup: .venv from $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    rm -f .venv/.setup-digest
    echo "setup: installing the locked dependencies"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
        --require-hashes -r requirements/development.txt
    echo "setup: installing ${distributions[*]} from the clone"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-index --no-deps \
        --no-build-isolation "${distributions[@]/#/--editable=./}"
    echo "$digest" > .venv/.setup-digest
}

# Anything that goes into the rulebook, or makes it, is newer than it: a file changed, or a folder that lost one.
rulebook_is_stale() {
    [ -e "$1" ] || return 0
    [ -n "$(find policies \( -name __pycache__ -o -path "$(dirname "$1")" \) -prune -o \
        \( -name '*.yaml' -o -name '*.csv' -o -name '*.py' -o -type d \) -newer "$1" -print -quit)" ]
}

compile_rulebook() {
    local book=policies/src/vonggac_rules/data/rulebook.json
    [ -n "$(find policies/packs -name '*.rule.yaml' -print -quit 2>/dev/null)" ] || return 0
    rulebook_is_stale "$book" || return 0
    echo "setup: compiling the rulebook"
    .venv/bin/vonggac-rules compile policies --out build/rulebook.json >build/rulebook.log || {
        cat build/rulebook.log >&2
        exit 1
    }
    mkdir -p "$(dirname "$book")"
    mv build/rulebook.json "$book"
}

install_dependencies
compile_rulebook
