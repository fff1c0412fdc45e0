#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of a camera: what is recorded, what is missing and why, what is locked, and that an index made again from the
files says the same.
"""
import datetime
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main, wait_for


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def timeline(site, *options):
    return json.loads(site.cli("timeline", "--camera", "cars", "--json", *(options or ("--last", "120s"))).stdout)


def test_a_camera_that_was_away(folder):
    begun = time.time()
    with Site(folder) as site:
        issued = site.camera_certificate("cars")
        check("Nothing is recorded" in site.cli("timeline", "--camera", "cars").stdout, "of a camera that is not there")
        with Edge(folder, {"cars": CARS}, issued) as edge:
            port, user, password = edge.port, edge.user, edge.password_file
            site.add("cars", edge.url("cars"), user, password)
            site.wait_recording("cars-main")
            time.sleep(3)
        lost = time.time()
        time.sleep(3.5)
        with Edge(folder, {"cars": CARS}, issued, port=port) as edge:
            wait_for(lambda: site.stream("cars-main")["recording"], 20, "it comes back")
            wait_for(lambda: len(timeline(site)["ranges"]) == 2, 10, lambda: f"two ranges: {timeline(site)}")
            back = when(timeline(site)["ranges"][1]["from"])
            seen = timeline(site)
            first, second = seen["ranges"]
            check(begun <= when(first["from"]) < when(first["to"]) <= lost + 0.5, f"the first ends when it was lost ({lost}): {first}")
            check(back > lost + 3, f"the second begins when it was there again: {second}")
            away = [g for g in seen["gaps"] if g["cause"] == "camera lost"]
            check(len(away) == 1 and abs(when(away[0]["from"]) - when(first["to"])) < 1 and abs(when(away[0]["to"]) - back) < 1,
                  f"the seals say why: {seen}")

            # A picture of a month has a column for each range, not for what is between.
            month = timeline(site, "--last", "31d")
            check(len(month["ranges"]) == 1 and abs(when(month["ranges"][0]["from"]) - when(first["from"])) < 1, f"from afar they are one: {month}")
            narrow = timeline(site, "--from", text(lost + 1), "--to", text(lost + 2))
            check(narrow["ranges"] == [] and len(narrow["gaps"]) == 1, f"within the gap: {narrow}")

            site.cli("lock", "add", "--camera", "cars", "--from", first["from"], "--to", first["to"], "--reason", "case 7")
            locks = timeline(site)["locks"]
            check([(k["from"], k["to"]) for k in locks] == [(first["from"], first["to"])], f"locked: {locks}")

            refused = site.cli("timeline", "--camera", "cars", "--from", text(lost), "--to", text(begun), ok=64)
            check("--to" in refused.stderr, f"backwards: {refused.stderr}")
        site.stop()
        before = seen["gaps"]
        custos("vault", "rebuild", "--state", site.state)
        site.start()
        again = timeline(site)
        check(again["gaps"][:1] == before[:1] and when(again["ranges"][0]["from"]) == when(first["from"]), f"made again from the files: {again}")


if __name__ == "__main__":
    main(globals())
