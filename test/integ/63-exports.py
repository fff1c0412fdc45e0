#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An export that a person downloads is to the byte the file that custos export writes of the same range, both verifiers find it authentic, and
both logs say who gave it to whom and what for.
"""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import exports
from custos_site import CARS, ENV, ROOT, Edge, Site, check, main, verify
from exports import WHO, by_program, download, make, shown, span
from page import Page


def node_agrees(folder, path, trust):
    """web/src/verify, where node and its packages are there."""
    web = ROOT / "web"
    if not (web / "node_modules/typescript").is_dir():
        print("node_modules are not there: the page's verifier is not asked")
        return
    subprocess.run([web / "node_modules/.bin/tsc", "-p", web / "tsconfig.pure.json", "--outDir", folder / "js"], check=True, timeout=120)
    (folder / "js/package.json").write_text('{"type": "module"}')
    p = subprocess.run(["node", web / "test/verify_file.mjs", folder / "js", trust, path], env=ENV, capture_output=True, text=True, timeout=60)
    check(p.returncode == 0 and json.loads(p.stdout)["verdict"] == "authentic", f"the page's verifier: {p.stdout[-600:]} {p.stderr[-600:]}")


def same_bytes(folder, site, page, times):
    job = make(page, "cars-main", times)
    check(job["state"] == "ready" and job["person"] == "Erika" and job["bytes"] == 0 and job["bytes_expected"] is None, f"a job: {job}")
    check(job["receiver"] == WHO["receiver"] and job["purpose"] == WHO["purpose"] and job["from"] == times["from"], f"as it was asked: {job}")
    for version in ("--http1.1", "--http2"):
        path = folder / f"page{version}.mp4"
        got = download(page, job, path, version)
        check(got.headers["content-disposition"] == f'attachment; filename="{job["name"]}"' and job["name"].startswith("cars-main_20") and ":" not in job["name"],
              f"a name: {got.headers}")
        check(got.headers["content-type"] == "video/mp4" and got.headers["cache-control"] == "no-store" and int(got.headers["content-length"]) == path.stat().st_size,
              f"its length is said: {got.headers}")
    own = by_program(site, "cars", times, folder / "program.mp4")
    check(path.read_bytes() == own, f"to the byte that of custos export: {path.stat().st_size} and {len(own)}")
    done = shown(page, job)
    check(done["state"] == "done" and done["sha256"] == exports.sha256(path) and done["bytes"] == done["bytes_expected"] == len(own), f"done: {done}")
    code, report = verify(path, site.fingerprint())
    check(code == 0, f"custos verify: {report}")
    node_agrees(folder, path, site.fingerprint())
    quiet = make(page, "cars-main", times, without_audio=True)
    download(page, quiet, folder / "quiet.mp4")
    check((folder / "quiet.mp4").read_bytes() == by_program(site, "cars", times, folder / "quiet-program.mp4", "--without-audio"), "without sound too")
    by_camera = page.post("/api/v1/exports", {"camera": "cars", **times, **WHO}).ok(201)
    check(by_camera["stream"] == "cars-main", f"the camera's main stream: {by_camera}")
    return job


def is_audited(site, job):
    made = exports.audit(site.state / "audit.log", "grant.made")
    taken = exports.audit(site.state / "recorder/grants.log", "grant.taken")
    for line in (made[-1], taken[-1]):
        check((line["receiver"], line["purpose"], line["person"]) == (WHO["receiver"], WHO["purpose"], "Erika"), f"who, to whom, what for: {line}")
    check(made[-1]["use"] == ["export"] and taken[-1]["use"] == "export" and made[-1]["by"].startswith("Erika (gateway"), f"an export: {made[-1]} {taken[-1]}")
    check(taken[0]["grant"] in {line["grant"] for line in made}, "the same grant in both")
    site.cli("audit", "verify", site.state / "recorder/grants.log")


def is_bounded(page, times):
    good = {"stream": "cars-main", **times, **WHO}
    for change, status in (({"purpose": ""}, 400), ({"receiver": "x" * 128}, 400), ({"from": "yesterday"}, 400), ({"from": times["until"], "until": times["from"]}, 400),
                           ({"camera": "cars"}, 400), ({"more": 1}, 400), ({"stream": "cars-main\r\nx: y"}, 400), ({"stream": "none-main"}, 404),
                           ({"receiver": "a\nb"}, 400)):
        page.post("/api/v1/exports", {**good, **change}).problem(status)
    jobs = [page.post("/api/v1/exports", good) for _ in range(17)]
    check(jobs[-1].status == 429, f"not more than 16 wait: {jobs[-1].body}")
    for job in page.get("/api/v1/exports").ok()["items"]:
        page.delete(f"/api/v1/exports/{job['id']}").ok(204)
    check(page.get("/api/v1/exports").ok() == {"items": [], "more": False, "after": None}, "all are gone")


def others(folder, site, page, times, job):
    """A viewer has none, nobody sees another's, and no other page downloads."""
    page.add("Vera", role="viewer")
    vera, second = page.other("Vera"), page.other("Erika")
    why = vera.post("/api/v1/exports", {"stream": "cars-main", **times, **WHO}).problem(403)
    check(why["fault"] == "not-allowed", f"a viewer does not export: {why}")
    for other in (vera, second):
        check(other.get("/api/v1/exports").ok()["items"] == [], "another's job is not listed")
        other.get(f"/api/v1/exports/{job['id']}").problem(404)
        other.delete(f"/api/v1/exports/{job['id']}").problem(404)
        other.get(f"/api/v1/exports/{job['id']}/file").problem(404)
    page.get(f"/api/v1/exports/{job['id']}/file", cookie=False).problem(401)
    page.get(f"/api/v1/exports/{job['id']}/file", headers=["Sec-Fetch-Site: cross-site"]).problem(403)
    page.get(f"/api/v1/exports/{job['id']}/file", headers=["Sec-Fetch-Site: same-site"]).problem(403)
    page.post("/api/v1/exports", {"stream": "cars-main", **times, **WHO}, origin="https://evil.example").problem(403)
    # It ends with its session.
    cookie = page.cookie
    page.delete("/api/v1/session").ok(204)
    page.sign_in("Erika")
    check(page.get("/api/v1/exports").ok()["items"] == [] and page.cookie != cookie, "its jobs went with the session")


def test_exports(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        begin = exports.now()
        exports.recorded_until(site, begin + 5)
        times = span(begin + 1.3, begin + 4.2)
        job = same_bytes(folder, site, page, times)
        is_audited(site, job)
        others(folder, site, page, times, job)
        is_bounded(page, times)


if __name__ == "__main__":
    main(globals())
