#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps by 400 days has nothing removed for its age: not while the recorder runs, and not when it begins anew behind footage
of the new time.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, kill, main, wait_for
from shifted_clock import DAY, Clock


def test_a_jump_removes_nothing(folder):
    with Clock(folder) as clock:
        site = Site(folder, config="[recorder]\nsegment_s = 5\nfragment_ms = 500\n")
        site.init()
        with Edge(folder, {"cam": CARS}, site.issuer().issue("cam", days=900), "--stamp") as edge, site:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file, "--max-days", "30")
            site.wait_recording("cam-main")
            time.sleep(6)
            old = set(site.segments("cam-main"))
            clock.set(400 * DAY)
            wait_for(lambda: "retention.clock_held" in site.log(), 10, "the jump is noticed")
            said = json.loads(site.cli("storage", "status", "--json").stdout)["clock"]
            check(said["state"] == "clock-stepped" and "ages by" in said["text"] and said["remedy"], f"the alarm: {said}")
            check("set it right" in site.cli("status").stdout, "for people")
            wait_for(lambda: len(set(site.segments("cam-main")) - old) > 1, 20, "footage of the new time is there, a segment of it whole", 0.5)
            kill(site.pids()["parent"])
            wait_for(lambda: "parent" in site.pids() and site.stream("cam-main").get("recording"), 25, "it records again", 0.5)
            check(site.log().count("retention.clock_held") == 2, "it goes on with the time that is held")
            time.sleep(2)  # the first look for what is too old comes with the start
            check(old <= set(site.segments("cam-main")), f"nothing is removed: {sorted(old - set(site.segments('cam-main')))}")
            check("retention.removed" not in site.log(), "and the log has none")


if __name__ == "__main__":
    main(globals())
