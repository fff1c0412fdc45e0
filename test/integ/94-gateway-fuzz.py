#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong types, sizes, encodings and paths at every route: a clear answer of 4xx, never 5xx, nothing of the program's insides; and the
processes are the same ones afterwards.
"""
import http.client
import json
import random
import re
import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ROOT, Site, check, main, wait_for
from page import Page

SECONDS = 8
INSIDES = re.compile(rb"/tmp/|/var/|\.c:\d|sqlite|SELECT|json_|Sanitizer|0x[0-9a-f]{8}", re.I)
VALUES = [None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -2**63, 1e308, 0.5, "", "x", "main", "cars", "a" * 400, "\u0000", "\x7f\n", "%s%n", "../../etc/passwd",
          "\U0001f4a9" * 20, [], [[]], {}, {"a": {}}, ["x"] * 100, "' OR 1=1 --", "2026-01-01T00:00:00Z", "0" * 32, "f" * 64]
RAW = [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":1,"a":2}', b'{"a":"\xc3\x28"}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b"[" * 5000,
       b'{"a":' * 3000 + b"1" + b"}" * 3000, b'{"a":1e999}', b'{"a":' + b"9" * 500 + b"}", b"\xef\xbb\xbf{}", b'{"x":[' + b"1e1," * 15000 + b"1]}", b"{}" + b" " * 60000, b"x" * 70000]
SEGMENTS = ["%", "%00", "%ff", "%2e%2e", "..", "%2f", "a" * 300, "%C3%A4", "x%0d%0aX:1", "'", "{name}", "1", "-1", "99999999999999999999", "cars-main", "0" * 32, "%F0%9F%92%A9"]
# Answered by a person's password, which takes its time, or ends the session.
LEFT_OUT = {("POST", "/api/v1/session"), ("POST", "/api/v1/setup"), ("DELETE", "/api/v1/session"), ("DELETE", "/api/v1/people/{person}/sessions")}


class Asker:
    def __init__(self, page):
        self.page, self.context = page, ssl.create_default_context(cafile=page.root)
        self.connect()

    def connect(self):
        port = int(self.page.origin.rsplit(":", 1)[1])
        self.connection = http.client.HTTPSConnection("localhost", port, context=self.context, timeout=20)

    def ask(self, method, path, body=None, headers=None):
        all_headers = {"Cookie": f"__Host-custos={self.page.cookie}", "Origin": self.page.origin, "Content-Type": "application/json", **(headers or {})}
        try:
            self.connection.request(method, path, body, all_headers)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.will_close:
                self.connection.close()
            return answer.status, text
        except (http.client.HTTPException, OSError):
            # What is no HTTP may be cut off; the next connection is taken.
            self.connection.close()
            return 400, b""


def body_of(schema, rng):
    """Some of the documented members, with values of any kind."""
    names = list(schema.get("properties", {})) + ["unknown", "session", "v", "body", ""]
    return {rng.choice(names): rng.choice(VALUES) for _ in range(rng.randrange(5))}


def one(asker, method, path, operation, rng):
    place = re.sub(r"\{\w+\}", lambda m: rng.choice(SEGMENTS), path)
    if rng.random() < 0.4:
        place += "?" + "&".join(f"{rng.choice(['after', 'limit', 'recorder', 'x', '%', '', 'role', 'from'])}={rng.choice(SEGMENTS)}" for _ in range(rng.randrange(4)))
    body, headers = None, {}
    if "requestBody" in operation or rng.random() < 0.1:
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        body = rng.choice(RAW) if rng.random() < 0.4 else json.dumps(body_of(schema, rng)).encode()
    if rng.random() < 0.1:
        headers = {rng.choice(["Content-Type", "Content-Encoding", "Transfer-Encoding", "Accept", "Expect", "Range", "Upgrade", "X-Forwarded-For"]): rng.choice(
            ["gzip", "text/plain", "chunked", "application/json; charset=utf-16", "x" * 200, "websocket", "bytes=0-"])}
    status, text = asker.ask(method, place, body, headers)
    why = f"{method} {place[:200]} {headers} {(body or b'')[:200]}"
    check(status < 500 or status == 501, f"{status}: {why}: {text[:500]}")
    check(status != 400 or not text or len(text) < 4000, f"a short answer: {why}")
    if status >= 400:
        check(not INSIDES.search(text.replace(place.encode(), b"")), f"nothing of the insides: {why}: {text[:600]}")
        if text.startswith(b"{"):
            check(json.loads(text)["detail"], f"says why: {why}: {text[:300]}")
    return status


def test_no_way_to_break_it(folder):
    operations = [(m.upper(), p, o) for p, methods in json.loads((ROOT / "docs/spec/openapi.json").read_text())["paths"].items()
                  for m, o in methods.items() if (m.upper(), p) not in LEFT_OUT and p != "/api/v1/nodes/{role}/{name}/revoke"]
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    print(f"  seed {seed}")
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        wait_for(lambda: page.get("/api/v1/streams").status == 200, 20, "the recorder is here")
        at = site.pids()
        asker, counts, end = Asker(page), {}, time.monotonic() + SECONDS
        while time.monotonic() < end:
            for method, path, operation in operations:
                status = one(asker, method, path, operation, rng)
                counts[status] = counts.get(status, 0) + 1
        print(f"  {counts}")
        check(counts.get(400, 0) > 50 and len(counts) > 3, f"much was refused: {counts}")
        check(site.pids() == at, f"the same processes: {at} {site.pids()}")
        page.get("/api/v1/cameras").ok()


if __name__ == "__main__":
    main(globals())
