#!/usr/bin/env bash
# The suite, lane by lane, each with its name and time: run-lanes.sh [LANE...], all of them by default.
# A lane that fails does not hide the ones after it; the end says which failed.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
cd "$(dirname "$(dirname "$here")")" || exit 2
export PATH="$PWD/.venv/bin:$PATH"
# What every process of a test imports is compiled once, not by each anew.
unset PYTHONDONTWRITEBYTECODE

has_tests() { [ -n "$(find "tests/$1" -name 'test_*.py' -print -quit 2>/dev/null)" ]; }

# A lane whose tests were all deselected or lost leaves with pytest's status 5, which counts as failed like any other.
run_tests() { python -m pytest "tests/$1"; }
# The unit tests share nothing, so each processor takes its part; with one file to a worker fixtures are made once.
spread=(--numprocesses=auto --dist=loadfile)

lint() { ruff check . && ruff format --check .; }
types() { mypy; }
imports() { lint-imports --no-logo; }

unit() {
    local apart
    if unshare -n true 2>/dev/null; then
        apart=(unshare -n)
    elif unshare -rn true 2>/dev/null; then
        apart=(unshare -rn)
    elif [ "${CI:-}" = true ]; then
        echo "No network namespace can be made here, so nothing would prove that the unit tests need no network." >&2
        return 1
    else
        echo "No network namespace can be made here: the unit tests run with the network in reach." >&2
        python -m pytest "${spread[@]}" -m "not parser and not worlds" tests/unit
        return
    fi
    # shellcheck disable=SC2016
    "${apart[@]}" bash -c '
        PATH="$PATH:/usr/sbin:/sbin"
        ip link set lo up || exit 2
        if [ -n "$(ip route show)$(ip -6 route show | grep -v " dev lo ")" ]; then
            echo "The network namespace has a route to somewhere." >&2
            exit 2
        fi
        exec python -m pytest "$@" -m "not parser and not worlds" tests/unit' unit "${spread[@]}"
}

# What a writer wrote, the parser reads; any machine gives a fact or a reason: 2,000 inputs for each. Invariants over whole
# worlds take as many as they say themselves.
properties() {
    VONGGAC_EXAMPLES=2000 python -m pytest --numprocesses=auto --dist=worksteal --timeout=600 -m "parser or worlds" \
        tests/unit
}

rules() {
    vonggac-rules check policies || return
    if has_tests rules; then run_tests rules; fi
}

architecture() { run_tests architecture; }

# Most of these wait for servers and disks, so several go on at once; tests/flow/conftest.py says which stay together.
flow() {
    local ended=0
    python -m pytest --numprocesses=auto --dist=loadfile -m "not alone" tests/flow || ended=1
    python -m pytest -m alone tests/flow || ended=1
    return $ended
}

agreement() { run_tests agreement; }
browser() { run_tests browser; }

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(lint types imports unit properties rules architecture flow agreement browser)
lanes=()
for lane in "${wanted[@]}"; do
    case $lane in
        lint | types | imports | rules | properties) lanes+=("$lane") ;;
        unit | architecture | flow | agreement | browser)
            if has_tests "$lane"; then
                lanes+=("$lane")
            elif [ $# -gt 0 ]; then
                echo "tests/$lane has no tests" >&2
                exit 2
            fi ;;
        *) echo "There is no lane $lane: lint types imports unit properties rules architecture flow agreement browser" >&2; exit 2 ;;
    esac
done

"$here/install-system-packages.sh" "${lanes[@]}" || exit

failed=()
began_all=$SECONDS
for lane in "${lanes[@]}"; do
    echo "== $lane"
    began=$SECONDS
    if "$lane"; then said=passed; else said=FAILED; failed+=("$lane"); fi
    echo "== $lane $said in $((SECONDS - began)) s"
done

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]} (in $((SECONDS - began_all)) s)" >&2
    exit 1
fi
echo "all lanes passed: ${lanes[*]} (in $((SECONDS - began_all)) s)"
