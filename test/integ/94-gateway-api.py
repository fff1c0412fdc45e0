#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API through to a real manager, and what goes on without the gateway, and in the gateway without its manager."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, kill, main, wait_for
from page import Page


def the_api(page, site):
    cameras = page.get("/api/v1/cameras").ok()
    check([c["name"] for c in cameras["items"]] == ["cars"] and cameras["more"] is False and cameras["after"] is None, f"{cameras}")
    camera = page.get("/api/v1/cameras/cars").ok()
    check(camera["name"] == "cars" and camera["streams"][0]["state"]["protection"] == "encrypted and verified", f"{camera}")
    check("password" not in json.dumps(camera), "no password")
    streams = page.get("/api/v1/streams").ok()["items"]
    check(streams[0]["stream"] == "cars-main" and streams[0]["recording"], f"{streams}")
    page.get("/api/v1/cameras/nothing").problem(404, "not_found")
    page.get("/api/v1/cameras?limit=0").problem(400, "invalid")
    page.get("/api/v1/cameras?name=x").problem(400, "invalid")
    page.post("/api/v1/cameras", {"name": "b", "url": "rtsps://127.0.0.1:1/x", "colour": "red"}).problem(400, "invalid")
    page.post("/api/v1/cameras", {"name": "b"}).problem(400, "invalid")
    page.post("/api/v1/cameras", raw=b"{", headers=["Content-Type: application/json"]).problem(400, "invalid")
    page.post("/api/v1/cameras", raw=b'{"name":"a","name":"b"}', headers=["Content-Type: application/json"]).problem(400, "invalid")
    page.post("/api/v1/cameras", raw=b"name=b", headers=["Content-Type: text/plain"]).problem(415)
    page.patch("/api/v1/cameras/cars", {"name": "other", "audio": False}).problem(400, "invalid")
    made = page.post("/api/v1/cameras", {"name": "b", "url": "rtsps://127.0.0.1:1/x", "user": "u", "password": "p"}).ok(201)
    check(made["name"] == "b", f"{made}")
    check(page.patch("/api/v1/cameras/b", {"audio": False}).ok()["streams"][0]["audio"] is False, "changed")
    check(page.get("/api/v1/cameras?limit=1").ok()["after"] == "b", "a page")
    page.delete("/api/v1/cameras/b").ok(204)
    lock = page.post("/api/v1/locks", {"camera": "cars", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:01:00Z", "reason": "a test"}).ok(201)
    page.delete(f"/api/v1/locks/{lock['id']}?reason=over%20now").ok(204)
    log = (site.state / "audit.log").read_text()
    check('"by":"Erika (gateway main)"' in log.replace(" ", "").replace("Erika(gatewaymain)", "Erika (gateway main)"), f"the audit log names who: {log[-800:]}")


def without_its_manager(page, site):
    kill(site.pids()["manager"])
    # Within the time that another manager takes to begin.
    wait_for(lambda: page.get("/api/health").status == 503, 5, "health says that the manager is away", 0.02)
    wait_for(lambda: "manager" in site.pids() and page.get("/api/health").json["state"] == "ok", 20, lambda: page.get("/api/health").body)
    page.get("/api/v1/cameras").ok()


def without_the_gateway(page, site):
    before = site.stream("cars-main")["fragments"]
    at = site.pids()
    kill(at["gateway"])
    wait_for(lambda: site.pids().get("gateway") not in (None, at["gateway"]), 10, "another gateway begins")
    wait_for(lambda: page.ask("GET", "/api/health", more=["--retry", "20", "--retry-connrefused", "--retry-delay", "1"]).status == 200, 20, "and serves")
    now = site.pids()
    check(all(now[r] == at[r] for r in ("manager", "parent", "sealer", "worker.0", "porter.recorder")), f"nobody else ended: {at} {now}")
    wait_for(lambda: site.stream("cars-main")["fragments"] >= before + 2, 10, "recording goes on")
    check(site.stream("cars-main")["connects"] == 1, "over the same connection to the camera")
    page.get("/api/v1/cameras").ok()  # by the same cookie: the manager has the session


def test_the_api(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        the_api(page, site)
        without_its_manager(page, site)
        without_the_gateway(page, site)


if __name__ == "__main__":
    main(globals())
