#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded footage over a WebSocket: all of the time that was asked for, no frame missing, and an end that says so."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main
from page import Page


def stamps(path):
    return json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)["cameras"]


def test_recorded_footage(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), "--stamp") as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        time.sleep(5)
        now = time.time()
        stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
        query = f"?from={stamp(now - 6)}&until={stamp(now - 2)}"
        watching = page.watch("cars-main", 12, lambda w: w.told("ended"), query, "playback")
        check(watching.told("ended") and watching.told("ended")[0]["code"] == "ok", f"it ends when all was sent: {watching.texts}")
        path = watching.write(folder / "recorded.mp4")
        cameras = stamps(path)
        check(cameras and cameras[0]["frames"] > 40 and not cameras[0]["gaps"], f"no frame is missing: {cameras}")
        check(page.refused("/api/v1/streams/cars-main/playback") == 400, "without times: 400")
        check(page.refused("/api/v1/streams/cars-main/playback?from=x&until=y") == 400, "with none: 400")


if __name__ == "__main__":
    main(globals())
