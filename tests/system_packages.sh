#!/bin/sh
# Names the Debian packages that the whole test run needs and this machine lacks, and installs
# them after asking once (unasked where CI=true or YES=1). Declined, the tests that need them
# are skipped, listed at the end, and the run counts as failed.
set -eu

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

missing() {
    have chromium || echo chromium
    [ -n "$(fc-list :lang=zh-cn 2>/dev/null)" ] || echo fonts-noto-cjk
    have nginx || echo nginx
    have apache2 || echo apache2-bin
    have curl || echo curl
    have openssl || echo openssl
    have wrk || echo wrk
    have newsboat || echo newsboat
    have zsh || echo zsh
    have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
}

agreed() {
    [ "${CI:-}" = true ] || [ "${YES:-}" = 1 ] && return 0
    [ -t 0 ] || return 1
    printf 'Install them now with apt-get? (Debian starts nginx and PostgreSQL after installing them; the tests run their own instances.) [y/N] '
    read -r answer
    case $answer in [yY]*) return 0 ;; *) return 1 ;; esac
}

install() {
    run=
    [ "$(id -u)" = 0 ] || run=sudo
    command -v apt-get >/dev/null || { echo "apt-get was not found." >&2; return 1; }
    [ -z "$run" ] || have sudo || { echo "sudo was not found." >&2; return 1; }
    echo "Installing $*; this may take a few minutes …"
    $run apt-get -qq update
    $run env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" \
        >/dev/null
}

packages=$(missing | tr '\n' ' ')
[ -n "$packages" ] || exit 0
echo "The complete test run needs these missing system packages: $packages"
# shellcheck disable=SC2086 -- one word per package
if ! { agreed && install $packages; }; then
    echo "Continuing without them. Tests that need them are skipped and listed at the end."
fi
