#!/bin/sh
# After `meson install`: the user that Custos runs as and its service, unless installing into a staging directory ($1).
set -eu
here=$(dirname "$0")
staging=${1:-}
unit_dir=$staging/etc/systemd/system
mkdir -p "$unit_dir"
cp "$here/custos.service" "$unit_dir/custos.service"
if [ -n "$staging" ]; then
        exit 0
fi
if ! getent passwd custos >/dev/null; then
        useradd --system --home-dir /var/lib/custos --no-create-home --shell /usr/sbin/nologin custos
fi
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
        systemctl daemon-reload
fi
echo "Installed. Start it: systemctl enable --now custos"
