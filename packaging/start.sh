#!/usr/bin/env bash
# Sets everything up and opens the window on the sample pictures. Where no window can be opened, the same
# pictures are analysed without one: masks, overlays and a summary are written into out/.
#
#   bash packaging/start.sh [--headless] [PROJECT, pictures or folders]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source packaging/setup.sh

headless=0
if [ "${1:-}" = "--headless" ]; then
    headless=1
    shift
fi
set_up run
[ $# -gt 0 ] || set -- resources/samples

# Whether a window can really be opened is only known by trying: a display may be named and yet not answer.
window_opens() {
    case "$(uname -s)" in
    Linux) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || return 1 ;;
    esac
    [ "$QT_READY" = 1 ] &&
        "$PYTHON" -c 'from PySide6.QtGui import QGuiApplication; QGuiApplication([])' >/dev/null 2>&1
}

if [ "$headless" = 0 ] && window_opens; then
    exec "$PYTHON" main.py "$@"
fi

out=out/samples
number=2
while [ -e "$out" ]; do # results are never mixed with older ones
    out=out/samples-$number
    number=$((number + 1))
done
[ "$headless" = 1 ] || say "there is no display, so no window can be opened"
say "analysing $* without a window; the results go to $out"
status=0
"$PYTHON" -m crackcore predict "$@" --out "$out" </dev/null || status=$?
if [ "$status" = 0 ]; then
    say "done: $out/masks, $out/overlays, $out/summary.csv, $out/summary.json"
fi
exit "$status"
