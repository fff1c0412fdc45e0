#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of cameras in a real browser: one added by its address and seen recording, a wrong certificate explained and pinned, and who may not."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import CARS, PASSWORD, USER, Authority, Edge, Site, check, key_pin, main
from page import Page

SHOTS = {"shots": os.environ["SHOTS"]} if "SHOTS" in os.environ else {}


def test_cameras(folder):
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        page.add("Victor", "viewer")
        foreign = Authority.new(folder, "foreign").issue("foreign-leaf")
        other = site.camera_certificate("elsewhere", san="DNS:elsewhere.test")
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as good, Edge(folder, {"cam": CARS}, foreign) as wrong, \
                Edge(folder, {"cam": CARS}, other) as named:
            browse("cameras.mjs", page, good=good.url("cam"), foreign=wrong.url("cam"), other_name=named.url("cam"),
                   pin=key_pin(foreign[1]), user=USER, camera_password=PASSWORD, **SHOTS)
            check(set(site.streams()) == {"lobby-main"}, f"what the page said is so: {site.streams()}")


main(globals())
