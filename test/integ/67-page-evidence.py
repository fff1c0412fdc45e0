#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage is taken away in a real browser, and verified there: the file that was downloaded is authentic by the site's fingerprint, nobody can
tell without, one changed byte in a picture is found with its place; custos verify says the same, nothing leaves the page meanwhile, and
the audit log has receiver and purpose.
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import CARS, Edge, Site, check, main, verify
from page import Page


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def test_export_verify_audit(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        begun = time.time()
        time.sleep(6)
        path = f"/export?stream=cars-main&from={utc(begun + 1)}&until={utc(begun + 5)}"
        good, bad, trust = folder / "export.mp4", folder / "doctored.mp4", site.fingerprint()
        browse("evidence.mjs", page, path=path, good=good, bad=bad, fingerprint=trust)
        code, report = verify(good, trust)
        check(code == 0 and report["verdict"] == "authentic", f"custos verify says so too: {report}")
        check(verify(good, None)[0] == 2, "and without a fingerprint cannot tell")
        code, report = verify(bad, trust)
        check(code == 1 and any(i["kind"] == "edited" and i["from"] for i in report["items"]), f"and finds what was changed, with its place: {report}")


main(globals())
