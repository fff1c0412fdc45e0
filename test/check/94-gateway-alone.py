#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway on a host of its own whose manager is gone for good: what is watched goes on to the end of the grant (five minutes, and half of
one for clocks that differ) and then ends with the reason; recording goes on.
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, kill, main, processes, wait_for
from far_hosts import At, Far, Watcher
from namespaces import Switch
from page import Page
from playback import recorded_in

ADDRESS = {"manager": "10.67.0.1", "north": "10.67.0.2", "door": "10.67.0.4", "desk": "10.67.0.9"}
CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 1000\nworkers = 1\n[storage]\nscrub_mb_s = 0\n"
RENEWED_S, GRANT_S, CLOCKS_S = 200, 300, 30


def test_to_the_end_of_the_grant(folder):
    net, site, far = Switch(ADDRESS), Site(folder, config=CONFIG), []
    try:
        site.start()
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        with Edge(folder, {"cars": CARS}, site.camera_certificate("cars", f"IP:{ADDRESS['manager']}"), "--stamp", address=ADDRESS["manager"]) as cars:
            far += [Far(net, folder, site, "recorder", "north", ADDRESS["manager"]).start(), Far(net, folder, site, "gateway", "door", ADDRESS["manager"]).start()]
            north, door = far
            wait_for(lambda: "name=north" in site.log(), 20, lambda: f"it is there: {site.log()}")
            site.add("cars", cars.url("cars", ADDRESS["manager"]), cars.user, cars.password_file, "--recorder", "north")
            page = Page(site, door, ADDRESS["door"])
            page.add("Erika")
            At(net, "desk", page).sign_in("Erika")
            wait_for(lambda: recorded_in(north.state / "vault", "cars-main"), 25, "recorded", 0.2)
            watcher = Watcher(net, page, "cars-main", seconds=GRANT_S + CLOCKS_S + 60)
            watcher.goes_on("it is watched", 10)
            site.stop()
            gone = time.monotonic()
            while time.monotonic() - gone < GRANT_S - RENEWED_S:  # the newest grant has that much left at least
                watcher.goes_on("without the manager too")
                time.sleep(5)
            wait_for(lambda: watcher.seen.closed, GRANT_S + CLOCKS_S, "it ends", 0.5)
            took, told = watcher.seen.closed[1] - gone, watcher.stop().told("ended")
            check(took < GRANT_S + CLOCKS_S, f"with the grant: after {took:.0f} s")
            check(told and told[0]["fault"] == "grant-expired", f"and says so: {told}")
            had = recorded_in(north.state / "vault", "cars-main")[-1]["last_us"]
            wait_for(lambda: recorded_in(north.state / "vault", "cars-main")[-1]["last_us"] > had, 10, "recording goes on", 0.5)
            print(f"  ended {took:.0f} s after the manager")
            for one in far:
                one.stop()
    except BaseException:
        print(site.log()[-2000:], *(f"{f.name}:\n{f.log()[-2000:]}" for f in far), sep="\n----\n")
        raise
    finally:
        for one in far:
            one.kill()
            for pid in processes(str(one.state)):
                kill(pid)
        site.clean()


if __name__ == "__main__":
    main(globals())
