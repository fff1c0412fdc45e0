#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A state directory that root ran alone is given to the roles' own users at the next start, and taken back when they are gone; what lies in it
to have root give away more is not followed.
"""
import json
import os
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, check, main, wait_for
from own_users import Hidden, Users, check_all, enter, site_of, status_of


def everything(site):
    return [site.state, *site.state.rglob("*")]


def test_what_was_one_users_becomes_theirs(folder):
    """A state directory that root ran alone, with a volume elsewhere, and what a role might have put there to be given more."""
    site, other = site_of(folder), folder / "disk"
    with Hidden():
        site.start()
        check("users.shared" in site.log(), f"without the users it says so: {site.log()[-1000:]}")
        check({status_of(p)["Uid"][0] for p in site.steady_pids().values()} == {"0"}, "and all are root")
        other.mkdir(mode=0o700)
        wait_for(lambda: (site.status() or {}).get("recorder"), 20, "the recorder is there")
        site.cli("storage", "add", "second", other)
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            wait_for(lambda: list(other.rglob("*.mp4")) and site.segments(), 30, "both volumes are written to")
            site.stop()
    check({p.owner() for p in everything(site)} == {"root"}, "all of it is root's")
    secret = folder / "secret"
    secret.write_text("root's")
    os.link(secret, site.state / "recorder/secret")
    (site.state / "recorder/link").symlink_to(secret)
    with site:
        wait_for(lambda: "volume.1" in site.pids() and site.stream("cam-main"), 20, "the recorder has its streams, and the other volume its process")
        pids = check_all(site)
        check({p.owner() for p in [other, *other.rglob("*")]} == {"custos-volume"}, "the other volume is its own too")
        check(secret.owner() == "root" and "owner.not_given" in site.log(), "what has another name is not given away")
        check(status_of(pids["manager"])["Uid"][0] != "0", "the manager is not root")
        site.stop()
        (site.state / "recorder/secret").unlink()
        (site.state / "site").rename(site.state / "elsewhere")
        (site.state / "site").symlink_to(folder)
        p = site.cli("run", ok=None)
        check(p.returncode == 1 and "is no directory of its own" in p.stderr and folder.owner() == "root", f"a link instead of a directory is not followed: {p.stderr}")
        (site.state / "site").unlink()
        (site.state / "elsewhere").rename(site.state / "site")
        with Hidden():
            site.start()
            rows = {c["check"]: c for c in json.loads(site.cli("doctor", "--json", ok=None).stdout)["checks"]}
            check(rows["users"]["verdict"] == "fail" and "systemd-sysusers" in rows["users"]["remedy"], f"and says what to do: {rows['users']}")
            check({p.owner() for p in everything(site)} == {"root"} and stat.S_IMODE(site.state.stat().st_mode) == 0o700, "taken back")
            wait_for(lambda: site.status() is not None, 20, "and works")


enter()
with Users():
    main(globals())
