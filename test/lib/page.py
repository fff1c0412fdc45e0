# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's port of a running site (docs/design/web.md), by the curl program and python3-websockets: what a browser does.

    page = Page(site)
    page.set_up("Erika")                        # the first administrator; signed in from now on
    page.get("/api/v1/cameras")                 # Answer: status, headers, json; .ok() fails unless it is a success
    page.post("/api/v1/people", {...})
    live = page.watch("cars-main")              # Watching: its texts and bytes
"""
import asyncio
import json
import ssl
import subprocess
import time

import websockets
from custos_site import CUSTOS, Failure, check, run, wait_for

PASSWORD = "hafen lampe ziegel moos"
SECURITY = {
    "strict-transport-security": "max-age=31536000",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
                               "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
                               "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin"}


class Answer:
    def __init__(self, text, body):
        lines = text.decode("latin-1").split("\r\n")
        self.status, self.headers, self.body = int(lines[0].split()[1]), {}, body
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.strip().lower(), value.strip())

    @property
    def json(self):
        return json.loads(self.body)

    def ok(self, status=None):
        check(self.status == status if status else 200 <= self.status < 300, f"{status or 'a success'}, not {self.status}: {self.body[:600]}")
        return self.json if self.body else None

    def problem(self, status, code=None):
        """That it is refused, clearly."""
        check(self.status == status, f"{status}, not {self.status}: {self.body[:600]}")
        check(self.headers["content-type"] == "application/problem+json", f"a problem: {self.headers} {self.body[:300]}")
        check(set(self.json) == {"type", "title", "status", "detail", "code", "fault", "remedy"}, f"all members: {self.json}")
        check(self.json["status"] == status and self.json["detail"], f"and says why: {self.json}")
        check(not code or self.json["code"] == code, f"{code}: {self.json}")
        return self.json


class Page:
    def __init__(self, site, door=None, host="localhost"):
        """door: the gateway of another host (far_hosts.py), where people are that reach it at `host`."""
        self.site, self.door, self.host, self.cookie = site, door or site, host, None
        path = self.door.state / "gateway/port"
        wait_for(lambda: "gateway.serves" in self.door.log() and path.exists(), 20, lambda: f"the gateway serves: {self.door.log()[-3000:]}")
        self.root = str(getattr(site, "page_root", self.door.state / "gateway/root.crt"))

    @property
    def origin(self):
        return f"https://{self.host}:{(self.door.state / 'gateway/port').read_text().strip()}"

    def ask(self, method, path, body=None, headers=(), origin=True, raw=None, cookie=True, more=()):
        command = ["curl", "-sS", "-i", "--max-time", "20", "--cacert", self.root, "-X", method, "--path-as-is", *more]
        if method == "HEAD":
            command += ["-I"]
        if origin is True and method not in ("GET", "HEAD"):
            command += ["-H", f"Origin: {self.origin}"]
        elif origin not in (True, False):
            command += ["-H", f"Origin: {origin}"]
        if cookie and self.cookie:
            command += ["-H", f"Cookie: __Host-custos={self.cookie}"]
        for header in headers:
            command += ["-H", header]
        data = raw
        if body is not None:
            command += ["-H", "Content-Type: application/json"]
            data = json.dumps(body).encode()
        if data is not None:
            command += ["--data-binary", "@-"]
        p = subprocess.run([*command, self.origin + path], input=data or b"", capture_output=True, timeout=30)
        check(p.returncode == 0, f"curl {method} {path}: {p.returncode} {p.stderr.decode()[:300]}")
        head, _, rest = p.stdout.partition(b"\r\n\r\n")
        return Answer(head, rest)

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, {} if body is None and "raw" not in more else body, **more)

    def patch(self, path, body, **more):
        return self.ask("PATCH", path, body, **more)

    def put(self, path, body, **more):
        return self.ask("PUT", path, body, **more)

    def delete(self, path, **more):
        return self.ask("DELETE", path, **more)

    # people

    def keep(self, answer):
        cookie = answer.headers["set-cookie"]
        check(cookie.startswith("__Host-custos=") and cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Strict"), f"the cookie: {cookie}")
        self.cookie = cookie.split("=", 1)[1].split(";")[0]
        check(self.cookie not in answer.body.decode(), "the token is in the cookie alone")
        return answer.json

    def set_up(self, name="Erika", password=PASSWORD):
        self.add(name, password=password)
        return self.sign_in(name, password)

    def add(self, name, role="administrator", password=PASSWORD):
        run(CUSTOS, "person", "add", name, "--role", role, "--password-file", "-", "--state", self.site.state, stdin=password + "\n")

    def sign_in(self, name="Erika", password=PASSWORD):
        answer = self.post("/api/v1/session", {"name": name, "password": password})
        answer.ok(201)
        return self.keep(answer)

    def other(self, name, password=PASSWORD):
        """Another browser, signed in."""
        other = Page(self.site, self.door, self.host)
        other.sign_in(name, password)
        return other

    # watching

    def socket(self, path, origin=True, cookie=True, protocol="custos.live.1"):
        context = ssl.create_default_context(cafile=self.root)
        headers = [("Cookie", f"__Host-custos={self.cookie}")] if cookie and self.cookie else []
        extra = {"origin": self.origin if origin is True else origin} if origin else {}
        return websockets.connect(self.origin.replace("https", "wss") + path, ssl=context, subprotocols=[protocol], extra_headers=headers,
                                  max_size=None, open_timeout=15, compression=None, max_queue=None, **extra)

    def refused(self, path, **more):
        """The HTTP status with which a WebSocket is refused."""
        async def go():
            try:
                async with self.socket(path, **more):
                    return 101
            except websockets.exceptions.InvalidStatusCode as why:
                return why.status_code
        return asyncio.run(go())

    def watch(self, stream, seconds=5, until=None, query="", kind="live", slow=0):
        """What came in that time, or until until(watching)."""
        return asyncio.run(self.watching(stream, seconds, until, query, kind))

    async def watching(self, stream, seconds=5, until=None, query="", kind="live"):
        got = Watching()
        async with self.socket(f"/api/v1/streams/{stream}/{kind}{query}") as socket:
            await got.read(socket, seconds, until)
        return got


class Watching:
    def __init__(self):
        self.texts, self.bytes, self.messages, self.closed, self.began = [], b"", 0, None, time.monotonic()

    async def read(self, socket, seconds, until=None):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until(self)):
            try:
                message = await asyncio.wait_for(socket.recv(), max(0.05, min(0.5, end - time.monotonic())))
            except asyncio.TimeoutError:
                continue
            except websockets.exceptions.ConnectionClosed as why:
                self.closed = (why.rcvd.code if why.rcvd else None, time.monotonic())
                return self
            self.take(message)
        return self

    def take(self, message):
        if isinstance(message, str):
            told = json.loads(message)
            check(len(told) == 1, f"one member: {told}")
            self.texts.append(told)
        else:
            self.messages += 1
            self.bytes += message

    def told(self, what):
        return [t[what] for t in self.texts if what in t]

    def write(self, path):
        path.write_bytes(self.bytes)
        return path


__all__ = ["PASSWORD", "SECURITY", "Failure", "Page", "Watching"]
