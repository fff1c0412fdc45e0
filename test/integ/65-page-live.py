#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall of cameras in a real browser: pictures move in the grid and enlarged (sub-stream, then main stream), a camera that cannot be reached says
why, keys and a phone, and a session that is revoked is cut at once."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import CARS, CUSTOS, DESK, Edge, Site, check, free_port, main, run
from page import Page

CUT_MS = 10_000


def test_wall(folder):
    with Site(folder) as site, Edge(folder, {"street": CARS, "small": CARS, "desk": DESK}, site.camera_certificate("camera")) as edge:
        site.add("street", edge.url("street"), edge.user, edge.password_file)
        site.add("street", edge.url("small"), edge.user, edge.password_file, "--stream", "sub")
        site.add("desk", edge.url("desk"), edge.user, edge.password_file)
        site.add("gate", f"rtsps://127.0.0.1:{free_port()}/gate", edge.user, edge.password_file)
        page = Page(site)
        page.add("Erika")
        site.wait_recording("street-main", "street-sub", "desk-main")
        transcodes = "transcoders" in run(CUSTOS, "settings", "--markdown").stdout
        said = browse("live.mjs", page, custos=CUSTOS, state=site.state, edge=edge.pid, transcodes=transcodes)
        check(said["cut_ms"] < CUT_MS, f"the revoked session is cut: {said}")
        print(said)


main(globals())
