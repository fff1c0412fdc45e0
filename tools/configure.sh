#!/bin/sh
# tools/configure.sh DIR OPTION...: a Meson build directory with these options, made or brought up to date.
set -eu
dir=$1
shift
stamp=$dir/.options
wanted="${CC:-cc} $*"
if [ -f "$dir/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        exit 0
fi
rm -rf "$dir"
mkdir -p "$dir"
meson setup "$dir" . "$@" >"$dir/setup.log" 2>&1 || { tail -n 20 "$dir/setup.log" >&2; exit 1; }
echo "$wanted" >"$stamp"
