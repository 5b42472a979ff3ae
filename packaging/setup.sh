# Sets up everything the program needs; read with "source" by start.sh and test.sh, in the repository root.
#
#   set_up run     what the program needs
#   set_up dev     that, and what its checks need
#
# Afterwards $PYTHON is the environment's Python, and $QT_READY is 1 when all libraries for the window are there.
# CRACKSCOPE_VENV says where the environment lies (default .venv), CRACKSCOPE_PYTHON which Python makes it.

say() { printf '%s\n' "crackscope: $*" >&2; }

may_install_packages() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

install_packages() {
    say "installing system packages: $*"
    # The list of a fresh image is empty; one that is there may still be old, so a failure is tried again with a new one.
    local quiet=(-y -q --no-install-recommends -o Dpkg::Use-Pty=0)
    if ! DEBIAN_FRONTEND=noninteractive apt-get install "${quiet[@]}" "$@" >/dev/null 2>&1 </dev/null; then
        apt-get update -q >/dev/null </dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install "${quiet[@]}" "$@" >/dev/null </dev/null
    fi
}

find_python() {
    local name
    for name in "${CRACKSCOPE_PYTHON:-}" python3.11 python3 python3.12 python3.13; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    say "Python 3.11 or newer is needed and was not found. On Debian: apt-get install python3 python3-venv"
    return 1
}

# Debian keeps the part of Python that makes environments in a package of its own.
missing_venv_package() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

set_up() {
    local extras=$1 venv python wanted fingerprint packages venv_package=
    venv=${CRACKSCOPE_VENV:-.venv}
    PYTHON="$venv/bin/python"
    python=$(find_python) || return 1

    packages=$("$python" packaging/system_libraries.py) || true
    [ -x "$PYTHON" ] || venv_package=$(missing_venv_package "$python")
    if [ -n "$packages$venv_package" ] && may_install_packages; then
        # shellcheck disable=SC2086  # a list of package names
        install_packages $packages $venv_package || say "the system packages could not be installed"
        packages=$("$python" packaging/system_libraries.py) || true
        [ -x "$PYTHON" ] || venv_package=$(missing_venv_package "$python")
    fi
    QT_READY=1
    [ -z "$packages" ] || QT_READY=0
    if [ -n "$packages$venv_package" ]; then
        say "system packages are missing; please run this as root: apt-get install" $venv_package $packages
        # Without the window's libraries pictures can still be analysed, but not everything can be tested.
        if [ -n "$venv_package" ] || [ "$extras" = dev ]; then
            return 1
        fi
    fi

    # Nothing to do when the environment was made from these very files, at this very place.
    fingerprint="$(cksum pyproject.toml packaging/constraints.txt packaging/setup.sh) $PWD"
    wanted="$venv/crackscope-$extras.ready"
    if [ -x "$PYTHON" ] && [ "$(cat "$wanted" 2>/dev/null)" = "$fingerprint" ]; then
        return 0
    fi

    if [ ! -x "$PYTHON" ] || ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
        say "making an environment in $venv"
        "$python" -m venv "$venv" || return 1
    fi
    say "installing the program's libraries into $venv; the first time takes some minutes"
    rm -f "$venv"/crackscope-*.ready
    local what=.
    [ "$extras" = dev ] && what=".[dev]"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-input \
        -c packaging/constraints.txt -e "$what" </dev/null || return 1
    printf '%s\n' "$fingerprint" >"$wanted"
    [ "$extras" = dev ] && printf '%s\n' "$fingerprint" >"$venv/crackscope-run.ready"
    return 0
}
