#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports over several segments with a gap in them, of a time in which nothing was recorded, of damaged footage, and of one whose form changes:
the same bytes as custos export's where there are any, and else a refusal that says what to do, before the first byte.
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import exports
from custos_site import CARS, Edge, Site, check, main, verify, wait_for
from exports import by_program, download, make, shown, span
from page import Page
from playback import sealed

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n"


def why_not(page, job, status, code, *words):
    """It is refused before the first byte, and the job says the same."""
    why = page.get(f"/api/v1/exports/{job['id']}/file").problem(status, code)
    check(all(word in why["detail"] + why["remedy"] for word in words), f"{words}: {why}")
    job = shown(page, job)
    check((job["state"], job["error"], job["remedy"] or "") == ("failed", why["detail"], why["remedy"]), f"the job says it too: {job} {why}")


def test_gaps_and_refusals(folder):
    with Site(folder, config=CONFIG) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        begin = exports.now()
        exports.recorded_until(site, begin + 3)
        port = edge.port
        edge.stop()
        wait_for(lambda: site.stream("cars-main").get("state") != "streaming", 10, "the camera is gone")
        time.sleep(1)
        with Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), port=port):
            back = exports.now()
            exports.recorded_until(site, back + 4)
            times = span(begin + 0.5, back + 3)
            job = make(page, "cars-main", times)
            path = folder / "gap.mp4"
            download(page, job, path)
            check(path.read_bytes() == by_program(site, "cars", times, folder / "own.mp4"), "to the byte, over a gap")
            code, report = verify(path, site.fingerprint())
            check(code == 0 and any(i["kind"] == "gap" for i in report["items"]), f"authentic, with its gap: {report}")
            segments = {i.get("where") for i in report["items"]}
            check(sum(1 for p in site.segments("cars-main") if sealed(p)[0]) >= 4, f"several segments: {segments}")

            early = begin - 7200
            why_not(page, make(page, "cars-main", span(early, early + 60)), 404, "not_found", "nothing of cars-main was recorded")
            why_not(page, make(page, "cars-main", span(begin - 40 * 86400, begin)), 400, "invalid", "within 31 days")
            # Tracks that are others: two films.
            site.cli("camera", "set", "cars", "--without-audio")
            quiet = exports.now()
            exports.recorded_until(site, quiet + 4)
            why_not(page, make(page, "cars-main", span(begin + 0.5, quiet + 3)), 409, "state", "changes its form", "export up to there")
            download(page, make(page, "cars-main", span(quiet + 1.5, quiet + 3)), folder / "quiet.mp4")

            # One bit of one fragment within it.
            target, found = [(p, sealed(p)[0]) for p in site.segments("cars-main") if sealed(p)[0] and sealed(p)[0][0][1]["first_us"] > (begin + 0.5) * 1e6][0]
            with open(target, "r+b") as f:
                f.seek(found[1][0] + 100)
                byte = f.read(1)
                f.seek(found[1][0] + 100)
                f.write(bytes([byte[0] ^ 1]))
            why_not(page, make(page, "cars-main", times), 409, "corrupt", "not the sealed one")
            target.unlink()
            why_not(page, make(page, "cars-main", times), 503, "unavailable", "cannot be read")


if __name__ == "__main__":
    main(globals())
