#!/usr/bin/env bash
# Sets everything up and runs every check: format, lint, types, floors, tests.
#
#   bash packaging/test.sh [arguments for pytest]
#
# All checks run even when an early one fails; the exit status says whether all passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source packaging/setup.sh
set_up dev

bin=$(dirname "$PYTHON")
failed=()
check() {
    local name=$1
    shift
    say "$name"
    "$@" </dev/null || failed+=("$name")
}

check "format" "$bin/ruff" format --check --quiet .
check "lint" "$bin/ruff" check --quiet .
check "types" "$bin/mypy"
check "floors" "$bin/lint-imports" --no-logo
if [ ${#failed[@]} -gt 0 ]; then
    say "FAILED before the tests: ${failed[*]}"
fi

status=0
"$PYTHON" -m pytest "$@" </dev/null || status=$?
if [ "$status" = 0 ] && [ ${#failed[@]} -gt 0 ]; then
    status=1
fi
exit "$status"
