#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate watch on a running site whose clock goes on by a day and a half: a camera's certificate runs out, and that is said once,
in the audit log and wherever somebody looks, over a restart too.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, main, wait_for


def watch(site, status):
    p = site.cli("certificate", "watch", "--json", ok=None)
    check(p.returncode == status, f"{p.returncode}, not {status}: {p.stdout}{p.stderr}")
    return {(c["what"], c["subject"]): c for c in json.loads(p.stdout)}


def told(site):
    return [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"] == "certificate.due"]


def doctor(site):
    return {c["check"]: c["verdict"] for c in json.loads(site.cli("doctor", "--json", ok=None).stdout)["checks"]}


def test_said_once(folder):
    site = Site(folder)
    site.init()
    with Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge, site:
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        site.wait_recording("cam-main")
        known = watch(site, 0)
        check(set(known) >= {("root", "site"), ("issuer", "nodes"), ("issuer", "cameras"), ("issuer", "web"), ("issuer", "seals"),
                             ("node", "manager/main"), ("node", "recorder/main"), ("seal", "recorder/main"),
                             ("grants", "manager/main/grants"), ("camera", "cam-main")}, f"all that it depends on: {known}")
        check(1.9 < known["camera", "cam-main"]["days_left"] < 2 and known["root", "site"]["days_left"] > 7000, f"{known}")
        check(not told(site), "nothing is due")
        before = doctor(site)
        check(before["certificates"] == "pass" and "RUN OUT" not in site.cli("status").stdout, f"{before}")
        for _ in range(2):
            site.stop()
            site.start(env={"CUSTOS_CLOCK_OFFSET_S": str(36 * 3600)})
            site.wait_recording("cam-main")
            now = watch(site, 1)
            due = {name: c["warning"] for name, c in now.items() if c["warning"]}
            check(due == {("camera", "cam-main"): "a third of its life"} and now["camera", "cam-main"]["days_left"] < 0.5, f"{now}")
            watch(site, 1)
            lines = told(site)
            check(len(lines) == 1 and (lines[0]["what"], lines[0]["subject"]) == ("camera", "cam-main"), f"once: {lines}")
            check("certificates 1 RUN OUT" in site.cli("status").stdout, "custos status says so")
        wait_for(lambda: site.log().count("link.open") > 5, 10, "the porters are linked")
        after = doctor(site)
        check({n for n in after if after[n] != before[n]} == {"certificates"} and after["certificates"] == "fail", f"{before} {after}")
        check(site.log().count("certificate.due ") == 1, "the log has it once")


main(globals())
