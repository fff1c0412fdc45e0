#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that answers each request, but late: its test ends after 20 s with what was seen, and its process with it."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import PASSWORD, USER, Site, check, main, wait_for
from page import Page
from scripted_camera import ScriptedCamera, sdp

LATE = 8


def test_deadline(folder):
    def options(session, request):
        time.sleep(LATE)
        session.answer(request, headers=["Public: DESCRIBE, SETUP, PLAY"])

    def describe(session, request):
        time.sleep(LATE)
        session.answer(request, headers=["Content-Type: application/sdp"], body=sdp())

    def set_up(session, request):
        time.sleep(LATE)
    with Site(folder) as site:
        with ScriptedCamera(site.camera_certificate("cam"), {"OPTIONS": options, "DESCRIBE": describe, "SETUP": set_up}) as camera:
            page = Page(site)
            page.set_up()
            begun = time.monotonic()
            told = page.ask("POST", "/api/v1/cameras/test", {"url": camera.url(), "user": USER, "password": PASSWORD}, more=["--max-time", "40"]).ok(200)
            took = time.monotonic() - begun
        check(told["fault"] == "test-timeout" and not told["good"] and told["remedy"], f"it says why: {told['fault']} {told['text']}")
        check(19 < took < 24, f"after 20 s: {took:.1f}")
        check(told["steps"][-1]["text"].startswith("SETUP"), f"and how far it came: {told['steps'][-1]}")
        wait_for(lambda: not [a for a in site.processes().values() if a[1:2] == ["prober"]], 5, "no process is left")


if __name__ == "__main__":
    main(globals())
