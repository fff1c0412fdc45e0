#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's port of a running site: who may ask what, from where; what every answer has; people who sign in, and are sent away."""
import gzip
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, wait_for
from page import PASSWORD, SECURITY, Page


def has_all_headers(answer, cache="no-store"):
    for name, value in SECURITY.items():
        check(answer.headers.get(name) == value, f"{name}: {answer.headers.get(name)}, wanted {value}")
    check(answer.headers.get("cache-control") == cache, f"cache: {answer.headers}")


def open_to_all(page):
    has_all_headers(page.get("/", cookie=False), "no-cache")
    html = page.get("/", cookie=False)
    check(html.headers["content-type"].startswith("text/html") and re.search(rb'<script type="module"[^>]* src="/assets/', html.body), "a page, its script in a file")
    check(b"<style" not in html.body and b" style=" not in html.body and b"onclick" not in html.body, "nothing inline")
    check(page.get("/cameras", cookie=False).body == html.body and page.get("/camera/cars", cookie=False).body == html.body, "each page's address gives the page")
    for path in ("/camera/", "/camera/a/b", "/camerasx", "/assets/", "/index.htm"):
        page.get(path).problem(404)
    hashed = re.findall(rb'(?:src|href)="(/assets/[^"]+)"', html.body)
    check(len(hashed) >= 2, f"script and style: {html.body}")
    for path in (h.decode() for h in hashed):
        plain, packed = page.get(path, cookie=False), page.get(path, cookie=False, headers=["Accept-Encoding: gzip"])
        has_all_headers(plain, "public, max-age=31536000, immutable")
        check(packed.headers.get("content-encoding") == "gzip" and gzip.decompress(packed.body) == plain.body, f"{path}: packed is the same")
    check(b"http://" not in html.body and b"https://" not in html.body, "nothing of third parties")
    check(page.get("/", headers=[f"If-None-Match: {html.headers['etag']}"]).status == 304, "unchanged: 304")
    for path in ("/icon.svg", "/api/health", "/api/v1/setup", "/api/v1/openapi.json"):
        answer = page.get(path, cookie=False)
        check(answer.status == 200, f"{path}: {answer.status} {answer.body[:300]}")
        has_all_headers(answer, "no-cache" if path == "/icon.svg" else "no-store")
    check(page.ask("HEAD", "/api/health", cookie=False).status == 200, "HEAD as GET")
    for version in ("--http1.1", "--http2"):
        has_all_headers(page.get("/api/health", more=[version]))


def closed_to_strangers(page):
    document = page.get("/api/v1/openapi.json").json
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation.get("security") == [] or path == "/metrics" or "101" in operation["responses"]:
                continue
            real = path.replace("{id}", "1")
            answer = page.ask(method.upper(), real.replace("{", "").replace("}", ""), cookie=False)
            answer.problem(401, "auth")
            has_all_headers(answer)
    page.get("/metrics").problem(404)
    answer = page.get("/api/v1/nothing")
    answer.problem(404)
    has_all_headers(answer)
    answer = page.ask("TRACE", "/api/v1/cameras", cookie=False)
    check(answer.status in (405, 501), f"TRACE: {answer.status}")
    answer = page.ask("PUT", "/api/v1/cameras")
    answer.problem(405)
    check(set(answer.headers["allow"].split(", ")) == {"GET", "POST"}, f"what goes: {answer.headers}")


def other_pages_change_nothing(page):
    body = {"name": "Erika", "password": PASSWORD}
    for origin, headers in ((False, []), ("https://evil.example", []), ("null", []), (page.origin.replace("https", "http"), []),
                            (page.origin + ".evil.example", []), (False, ["Sec-Fetch-Site: cross-site"]),
                            (False, ["Sec-Fetch-Site: same-site"]), ("https://evil.example", ["Sec-Fetch-Site: same-origin"])):
        page.post("/api/v1/session", body, origin=origin, headers=headers).problem(403, "denied")
        page.delete("/api/v1/session", origin=origin, headers=headers).problem(403, "denied")
    page.post("/api/v1/session", body, origin=False, headers=["Sec-Fetch-Site: same-origin"]).ok(201)
    check(page.refused("/api/v1/streams/cars-main/live", origin=None) == 403, "a WebSocket without Origin")
    check(page.refused("/api/v1/streams/cars-main/live", origin="https://evil.example") == 403, "a WebSocket of another page")
    check(page.refused("/api/v1/streams/cars-main/live", cookie=False) == 401, "a WebSocket of nobody")
    check("access-control-allow-origin" not in page.get("/api/health", origin="https://evil.example").headers, "no other page may read")


def sessions(page):
    check(page.get("/api/v1/setup").json == {"needed": True}, "nobody is there yet")
    first = page.set_up()
    check(page.get("/api/v1/setup").json == {"needed": False}, "now there is")
    check(first["person"] == "Erika" and first["role"] == "administrator" and "token" not in first, f"who it is: {first}")
    check(page.get("/api/v1/session").json == first, "the own session")
    wrong = page.post("/api/v1/session", {"name": "Erika", "password": "not that one at all"}).problem(401, "auth")
    nobody = page.post("/api/v1/session", {"name": "Nobody", "password": "not that one at all"}).problem(401, "auth")
    check(wrong == nobody, f"an unknown name reads alike: {wrong} {nobody}")
    for bad in ("x", "A" * 43, page.cookie[:-1] + ("A" if page.cookie[-1] != "A" else "B")):
        page.get("/api/v1/cameras", cookie=False, headers=[f"Cookie: __Host-custos={bad}"]).problem(401, "auth")
    page.get("/api/v1/cameras", cookie=False, headers=[f"Cookie: __Host-custos={page.cookie}; __Host-custos={page.cookie}"]).problem(401)
    listed = page.get("/api/v1/sessions").ok()["items"]
    check([s["session"] for s in listed] == [first["session"]], f"it is listed: {listed}")

    # Another one, revoked: over at once, though the gateway believed it for a minute.
    page.add("Viktor", "viewer")
    other = page.other("Viktor")
    other.get("/api/v1/cameras").ok()
    other.post("/api/v1/cameras", {"name": "x", "url": "rtsps://127.0.0.1/x"}).problem(403, "denied")
    other.get("/api/v1/people").problem(403, "denied")
    page.delete(f"/api/v1/sessions/{other.get('/api/v1/session').json['session']}").ok()
    wait_for(lambda: other.get("/api/v1/cameras").status == 401, 10, "a revoked session is over")

    # Signed out.
    gone = page.other("Erika")
    answer = gone.delete("/api/v1/session")
    answer.ok(204)
    check("Max-Age=0" in answer.headers["set-cookie"], "the cookie is taken away")
    gone.get("/api/v1/cameras").problem(401, "auth")


def test_the_port(folder):
    with Site(folder) as site:
        page = Page(site)
        open_to_all(page)
        closed_to_strangers(page)
        sessions(page)
        other_pages_change_nothing(page)


if __name__ == "__main__":
    main(globals())
