#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Porters as custos run has them: one for each role, begun again with it or alone, while the recorder goes on.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, kill, main, wait_for  # noqa: E402


def links(site):
    """How often each side has said that its link is open."""
    return tuple(site.log().count(f"porter.{side} link.open") for side in ("manager", "recorder"))


def wait_links(site, before=(0, 0)):
    wait_for(lambda: all(n > b for n, b in zip(links(site), before)), 20, lambda: f"the porters are linked: {site.log()[-3000:]}")
    return links(site)


def test_one_for_each_role(folder):
    with Site(folder) as site, Edge(folder, {"cam": CARS}, certificate=site.camera_certificate("cam")) as edge:
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        n = wait_links(site)
        before = site.pids()
        check({"porter.manager", "porter.recorder"} <= set(before), f"{before}")
        site.wait_recording("cam-main")
        plays = edge.plays("cam")
        for name, also in (("porter.manager", set()), ("porter.recorder", set()), ("manager", {"porter.manager"})):
            was = site.pids()
            kill(was[name])
            n = wait_links(site, n)
            now = wait_for(lambda: (lambda p: p if set(p) == set(was) else None)(site.pids()), 10, lambda: f"all are back: {site.pids()}")
            changed = {k for k in was if was[k] != now[k]}
            check(changed == {name} | also, f"{name} alone is replaced, with what hangs on it: {changed}")
        check(edge.plays("cam") == plays, "the camera noticed nothing")
        site.wait_recording("cam-main")
        kill(site.pids()["parent"])
        wait_links(site, n)
        site.wait_recording("cam-main", seconds=30)


main(globals())
