#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""screenshots.py [FOLDER] [--only NAME]: every page of web/src/pages.json of a real site with the demo's cameras, on a desk (dark and light) and on a
phone, as PNG into docs/screenshots. Names are NAME-desk.png, NAME-desk-light.png, NAME-phone.png. CUSTOS names the program.

A page needs nothing for it but its row there.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/lib"))
from browser import browse
from custos_site import CARS, DESK, Edge, Site, free_port, wait_for
from page import Page

CAMERA = "street"  # whose page "/camera/" shows
LOOKS = [("desk", False, False), ("desk-light", False, True), ("phone", True, False)]


def cameras(folder, site):
    """Two that are seen and one that is not: a site as it is on most days."""
    edge = Edge(folder, {CAMERA: CARS, "desk": DESK}, site.camera_certificate("camera"))
    for name in (CAMERA, "desk"):
        site.add(name, edge.url(name), edge.user, edge.password_file)
    site.add("gate", f"rtsps://127.0.0.1:{free_port()}/gate", edge.user, edge.password_file)
    return edge


def shrink(folder):
    """A palette of 256 colours where pngquant is there: a third of the bytes."""
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--ext", ".png", "--speed", "3", *sorted(folder.glob("*.png"))], check=False)


def take(folder, only):
    pages = [p for p in json.loads((ROOT / "web/src/pages.json").read_text()) if not only or p.strip("/") in only or (p == "/" and "live" in only)]
    work = Path("/var/tmp/custos")  # is on the pictures: the same each time
    work.mkdir(mode=0o700)
    with Site(work) as site, cameras(work, site):
        page = Page(site)
        common = {"folder": folder, "camera": CAMERA}
        code = site.state / "setup-code"
        wait_for(code.exists, 20, "the setup code")
        for look, phone, light in LOOKS:
            browse("screenshots.mjs", page, look=look, phone=phone, light=light, pages=[p for p in pages if p == "/setup"], **common)
        page.set_up("Erika")
        page.post("/api/v1/people", {"name": "Ben (night)", "role": "viewer", "password": "wolke tisch anker birne"})
        site.wait_recording(f"{CAMERA}-main", "desk-main")
        for look, phone, light in LOOKS:
            browse("screenshots.mjs", page, timeout=300, look=look, phone=phone, light=light, pages=[p for p in pages if p != "/setup"], **common)
    shutil.rmtree(work, ignore_errors=True)
    shrink(folder)


def main():
    parse = argparse.ArgumentParser(description=__doc__.split(":", 1)[1], formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs/screenshots")
    parse.add_argument("--only", action="append", default=[], metavar="NAME", help="this page alone: live, people, camera, ...")
    given = parse.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    take(given.folder.resolve(), given.only)


main()
