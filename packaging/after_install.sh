#!/bin/sh
# After `meson install`: the users that the roles run as and the service, unless installing into a staging directory ($1).
set -eu
here=$(dirname "$0")
staging=${1:-}
unit_dir=$staging/etc/systemd/system
users_dir=$staging/usr/lib/sysusers.d
mkdir -p "$unit_dir" "$users_dir"
cp "$here/custos.service" "$unit_dir/custos.service"
cp "$here/custos.sysusers" "$users_dir/custos.conf"
if [ -n "$staging" ]; then
        exit 0
fi
if command -v systemd-sysusers >/dev/null 2>&1; then
        systemd-sysusers "$users_dir/custos.conf"
else
        # The same without systemd: "u NAME -[:GROUP] ..."
        sed -n 's/^u \([^ ]*\) *-:\{0,1\}\([^ ]*\) .*/\1 \2/p' "$users_dir/custos.conf" | while read -r name group; do
                if ! getent passwd "$name" >/dev/null; then
                        useradd --system --home-dir /var/lib/custos --no-create-home --shell /usr/sbin/nologin "$(if [ "$group" ]; then echo "--gid=$group"; else echo --user-group; fi)" "$name"
                fi
        done
fi
# Of an earlier version, which ran as one user: its first start gives it to the roles.
[ -d /var/lib/custos ] || install -d -m 0700 /var/lib/custos
if command -v systemctl >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
        systemctl daemon-reload
fi
echo "Installed. Start it: systemctl enable --now custos"
