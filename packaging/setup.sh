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

make_environment() {
    local venv=$1 python=$2 package
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        # Debian keeps the part of Python that makes environments in a package of its own.
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if may_install_packages; then
            install_packages "$package"
        else
            say "Python cannot make environments here. Ask for this, as root: apt-get install $package"
            return 1
        fi
    fi
    "$python" -m venv "$venv"
}

set_up() {
    local extras=$1 venv python wanted fingerprint packages
    venv=${CRACKSCOPE_VENV:-.venv}
    python=$(find_python) || return 1

    QT_READY=1
    if ! packages=$("$python" packaging/system_libraries.py); then
        if may_install_packages; then
            # shellcheck disable=SC2086  # a list of package names
            install_packages $packages || true
            packages=$("$python" packaging/system_libraries.py) || true
        fi
        if [ -n "$packages" ]; then
            QT_READY=0
            say "the window needs system libraries that are missing. Ask for this, as root:" \
                "apt-get install" $packages
        fi
    fi

    # Nothing to do when the environment was made from these very files, at this very place.
    fingerprint=$(cat pyproject.toml packaging/constraints.txt packaging/setup.sh | sha256sum | cut -d' ' -f1)
    fingerprint="$fingerprint $PWD"
    wanted="$venv/crackscope-$extras.ready"
    PYTHON="$venv/bin/python"
    if [ -x "$PYTHON" ] && [ "$(cat "$wanted" 2>/dev/null)" = "$fingerprint" ]; then
        return 0
    fi

    if [ ! -x "$PYTHON" ] || ! "$PYTHON" -m pip --version >/dev/null 2>&1; then
        say "making an environment in $venv"
        make_environment "$venv" "$python" || return 1
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
