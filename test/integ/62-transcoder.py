#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An H.265 camera watched as H.264: one transcoder for all who watch, frames that decode and miss nothing, no more at once than the setting
says, and one that dies costs its own picture alone.
"""
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, custos, kill, main, wait_for
from frames import stream_kinds
from page import Page, Watching

LIVE = "/api/v1/streams/{}/live?as=h264"


def test_x(folder):
    with Site(folder) as site, Edge(folder, {"desk": DESK}, site.camera_certificate("cams"), "--stamp") as edge:
        site.add("desk", edge.url("desk"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("desk-main")
        w = page.watch("desk-main", 5, None, "?as=h264")
        print(w.texts, len(w.bytes), w.closed)
        w.write(Path("/tmp/h/transcoder-x.mp4"))
        print(site.log()[-3000:])


if __name__ == "__main__":
    main(globals())
