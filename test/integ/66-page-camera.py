#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The investigator's page in a real browser, on footage with a real gap: playback over it with its cause, seeking, speed, frames, keys, the timeline from
days to frames, a range to the export, two cameras in step, a phone.
"""
import datetime
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import CARS, Edge, Site, check, main, wait_for
from page import Page

FRAME_S = 0.08  # of the demo's cars


def ms(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def gap_of(page):
    return [g for g in page.get("/api/v1/cameras/cars/timeline").ok()["gaps"] if g["cause"] == "camera lost"]


def test_back_in_time(folder):
    shots = os.environ.get("CUSTOS_SHOTS")
    with Site(folder) as site:
        issued = site.camera_certificate("cars")
        with Edge(folder, {"yard": CARS}, issued) as other:
            with Edge(folder, {"cars": CARS}, issued) as edge:
                port = edge.port
                site.add("cars", edge.url("cars"), edge.user, edge.password_file)
                site.add("yard", other.url("yard"), other.user, other.password_file)
                page = Page(site)
                page.set_up()
                site.wait_recording("cars-main", "yard-main")
                time.sleep(5)
            time.sleep(2)
            with Edge(folder, {"cars": CARS}, issued, port=port):
                gap = wait_for(lambda: gap_of(page), 15, "the gap is told")[0]
                time.sleep(6)
                begin = page.get("/api/v1/cameras/cars/timeline").ok()["ranges"][0]["from"]
                given = {"gap": {"from": ms(gap["from"]), "to": ms(gap["to"])}, "begin": ms(begin), "frame": FRAME_S, "shots": shots}
                said = browse("camera.mjs", page, **given)
                link = said["link"]
                check(link["path"] == "/export" and link["stream"] == "cars-main", f"where it leads: {link}")
                wide = ms(link["until"]) - ms(link["from"])
                check(abs(ms(link["from"]) - (ms(gap["from"]) - 2000)) < 1000 and 1500 < wide < 3500, f"what was selected, and a second more: {link} {gap}")
                picture = Path(said["file"])
                check(not picture.exists() or picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n", "the still picture is a PNG")
                print(f"  sought in {said['seekMs']} ms; {said['took']}")


if __name__ == "__main__":
    main(globals())
