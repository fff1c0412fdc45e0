#!/bin/sh
# Installs the Debian packages of the named groups (tools/packages.txt) that are missing, and says so. PACKAGE=COMMAND is
# not missing where that command is there, wherever it came from.
# Needs root, sudo, or nothing when all is there.
set -eu
here=$(dirname "$0")
missing=
for group in "$@"; do
        for package in $(sed -n "s/^$group: //p" "$here/packages.txt"); do
                case $package in *=*) ! command -v "${package#*=}" >/dev/null 2>&1 || continue ;; esac
                package=${package%%=*}
                status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
                [ "$status" = installed ] || missing="$missing $package"
        done
done
[ -n "$missing" ] || exit 0
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
echo "Installing Debian packages that are missing: $missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
                echo "These packages are missing and this user can be root by no sudo. Ask an administrator to run:" >&2
                echo "  apt-get install $missing" >&2
                exit 1
        fi
        as_root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "apt-get failed; its last lines are above." >&2
        exit 1
fi
