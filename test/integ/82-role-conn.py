#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between nodes against programs that are not ours: curl for the requests, Python's websockets for the framing (both
ends), openssl s_client for TLS, and a WebSocket client made by hand for all that a decent one does not do.

Our side is net/role_conn in a small program (role_conn_probe.c). Every certificate is made by openssl.
"""
import asyncio
import base64
import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from bad_certificates import issue  # noqa: E402
from custos_site import CUSTOS, Authority, Program, check, main, make_key, run, skip, wait_for  # noqa: E402
from http_wire import Wire  # noqa: E402

PROBE = Path(CUSTOS).resolve().parents[1] / "test/integ/role_conn_probe"
SITE, PROTOCOL = "north", "custos.link.1"
UPGRADE = ("GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n")


class Nodes:
    """A site's root, its issuer of nodes, and directories with what a node has."""

    def __init__(self, folder):
        self.folder = folder
        self.root = Authority.new(folder, "root")
        key, csr, cert, ext = (folder / f"nodes.{s}" for s in ("key", "csr", "crt", "ext"))
        run("openssl", "req", "-new", "-key", make_key(key), "-subj", "/CN=nodes", "-out", csr)
        ext.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                       "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run("openssl", "x509", "-req", "-in", csr, "-CA", self.root.cert, "-CAkey", self.root.key, "-set_serial", "7", "-days", "20",
            "-extfile", ext, "-out", cert)
        self.issuer = Authority(folder, key, cert, (cert,))

    def node(self, role, name):
        place = self.folder / f"{role}-{name}"
        place.mkdir()
        chain, key = issue(self.issuer, name, san=f"URI:custos://{SITE}/{role}/{name},IP:127.0.0.1", usage="serverAuth,clientAuth")
        for source, to in ((chain, "node.pem"), (key, "node.key"), (self.root.cert, "root.crt"), (self.issuer.cert, "nodes.crt")):
            (place / to).write_bytes(Path(source).read_bytes())
        return place


class Listener(Program):
    def __init__(self, place, *limits):
        super().__init__(place / f"listen-{time.monotonic_ns()}.log", [PROBE, "listen", SITE, place, "recorder,gateway", *limits])
        wait_for(lambda: "port " in self.log() or not self.alive(), 10, "the probe listens", 0.02)
        self.port = int(re.search(r"port (\d+)", self.log())[1])

    def ends(self):
        """(code, fault, ms, bytes in, bytes out, rekeys, text) of each connection that ended."""
        found = re.findall(r"^end (\S+) (\S*) (\d+) (\d+) (\d+) (\d+) (.*)$", self.log(), re.M)
        return [(code, fault, *map(int, numbers), text) for code, fault, *numbers, text in found]

    def wait_end(self, n, seconds=15):
        wait_for(lambda: len(self.ends()) >= n, seconds, f"{n} connections ended", 0.02)
        return self.ends()[-1]


def site(folder):
    if not PROBE.exists():
        skip(f"{PROBE} is not built")
    nodes = Nodes(folder)
    return nodes.node("manager", "main"), nodes.node("recorder", "lobby")


def context(place, certificate=True):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    c.load_verify_locations(place / "root.crt")
    c.check_hostname = False  # a node is its URI, which is looked at below
    if certificate:
        c.load_cert_chain(place / "node.pem", place / "node.key")
    return c


class Raw(Wire):
    """A client by hand: TLS by Python's ssl, WebSocket by RFC 6455 section 5, and whatever else a test wants to say."""

    def __init__(self, port, place, certificate=True, timeout=15):
        super().__init__(context(place, certificate).wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=timeout)))
        names = self.socket.getpeercert()["subjectAltName"]
        check(("URI", f"custos://{SITE}/manager/main") in names, f"the other side is the manager: {names}")

    def upgrade(self, path="/link/1", protocol=PROTOCOL):
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(UPGRADE.format(path=path, key=key, protocol=protocol))
        status, headers, body = self.answer()
        if status == 101:
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            check(headers["sec-websocket-accept"] == accept, "the answer to our key")
            check(headers["sec-websocket-protocol"] == PROTOCOL, "the sub-protocol")
            check("sec-websocket-extensions" not in headers, "no extension")
        return status, headers, body


# ---- requests ----

def curl(port, place, path, *options, certificate=True, ok=True):
    """(status, body, what it says of the connection)."""
    out = place / f"curl-{time.monotonic_ns()}"
    client = ["--cert", place / "node.pem", "--key", place / "node.key"] if certificate else []
    p = run("curl", "-sv", "--max-time", "10", "--cacert", place / "root.crt", *client, "-w", "%{http_code}", "-o", out, *options,
            f"https://127.0.0.1:{port}{path}", ok=ok)
    return p.stdout[-3:], out.read_bytes() if out.exists() else b"", p.stderr


def test_curl(folder):
    manager, recorder = site(folder)
    with Listener(manager) as at:
        status, body, said = curl(at.port, recorder, "/hello")
        check((status, body) == ("200", f"custos://{SITE}/recorder/lobby".encode()), f"with a certificate: {status} {body}")
        check("TLSv1.3" in said and "ALPN" in said and "server did not agree" in said.replace("not agree on", "not agree"), said)
        status, body, _ = curl(at.port, recorder, "/hello", certificate=False)
        check((status, body) == ("401", b"who?\n"), f"without a certificate: {status} {body}")
        check("request GET /hello 0 -\n" in at.log() and f"request GET /hello 0 custos://{SITE}/recorder/lobby" in at.log(), at.log())
        _, _, said = curl(at.port, recorder, "/hello", "-o", folder / "second", f"https://127.0.0.1:{at.port}/late")
        check("Re-using existing connection" in said and (folder / "second").exists(), "one connection for two requests")
        status, body, _ = curl(at.port, recorder, "/late")
        check((status, body) == ("200", b"late\n"), f"an answer that is given later: {status} {body}")

        blob = os.urandom(65536)
        (folder / "blob").write_bytes(blob)
        status, body, said = curl(at.port, recorder, "/echo", "-H", "Expect: 100-continue", "--data-binary", f"@{folder}/blob")
        check((status, body) == ("200", blob) and "100 Continue" in said, f"64 KiB after 100-continue: {status} {len(body)}")
        (folder / "blob").write_bytes(blob + b"x")
        for path, options, expected in (("/echo", ("--data-binary", f"@{folder}/blob"), "413"),
                                        ("/echo", ("-H", "Transfer-Encoding: chunked", "-d", "x"), "411"),
                                        ("/hello", ("-I",), "405"), ("/hello", ("-X", "DELETE"), "405"),
                                        ("/hello", ("-X", "PROPFIND"), "501"), ("/hello", ("--http1.0",), "505"),
                                        ("/nothing", (), "404"), ("/link/1", (), "426"), ("/link/9", (), "426"),
                                        (f"/{'x' * 300}", (), "414"), ("/hello", ("-H", "Host:"), "400"),
                                        ("/hello", ("-H", f"X: {'y' * 9000}"), "431")):
            status, body, said = curl(at.port, recorder, path, *options)
            check(status == expected, f"{path[:20]} {' '.join(map(str, options))[:60]}: {status}, not {expected}: {said[-800:]}")
        status, body, _ = curl(at.port, recorder, "/link/1", certificate=False)
        check(status == "401", f"a link without a certificate: {status}")
        p = run("curl", "-s", "--tls-max", "1.2", "--cacert", recorder / "root.crt", f"https://127.0.0.1:{at.port}/hello", ok=35)
        check(p.stdout == "", "nothing below TLS 1.3")
        check("message" not in at.log() and "open" not in at.log(), "none of it was a link")


# ---- WebSocket ----

def test_client_by_hand(folder):
    manager, recorder = site(folder)
    with Listener(manager) as at:
        with Raw(at.port, recorder) as c:
            check(c.upgrade()[0] == 101, "the upgrade")
            for n in (0, 1, 125, 126, 65535, 65536, 131072):
                blob = os.urandom(n)
                c.frame(2, blob)
                check(c.receive() == (2, blob), f"{n} bytes come back")
            c.frame(1, "gr\u00fc".encode(), fin=False)
            c.frame(9, b"between")
            c.frame(0, b"\xc3", fin=False)
            c.frame(0, b"\x9f")
            check(c.receive() == (10, b"between"), "a ping within fragments is answered")
            check(c.receive() == (1, "gr\u00fc\u00df".encode()), "fragments are joined")
            c.frame(1, b"rekey")
            check(c.receive() == (1, b"rekey"), "behind a KeyUpdate")
            c.frame(1, b"after")
            check(c.receive() == (1, b"after"), "and on")
            c.frame(8, struct.pack(">H", 3001) + b"bye")
            check(c.receive() == (8, struct.pack(">H", 3001)), "a close is answered by one")
            check(c.ended() == b"", "and is the last that is said")
        end = at.wait_end(1)
        check(end[0] == "unavailable" and "(3001 bye)" in end[-1] and end[5] == 2, f"one KeyUpdate each way, then closed: {end}")

        with Raw(at.port, recorder) as c:
            c.upgrade()
            c.frame(1, b"close")
            check(c.receive() == (8, struct.pack(">H", 4000) + b"as you wish"), "the owner's close")
            c.frame(2, b"too late")
            c.frame(8, struct.pack(">H", 4000))
            check(c.ended() == b"", "then it is over")
        check(at.wait_end(2)[0] == "cancelled", "closed here")
        check("too late" not in at.log() and at.log().count("message binary 8 ") == 0, "nothing is taken after our close")

        with Raw(at.port, recorder) as c:
            c.upgrade()
            c.frame(1, b"refuse")
            check(c.receive() == (8, struct.pack(">H", 1008) + b"denied"), "what the owner refuses")
        check(at.wait_end(3)[0] == "denied", "is the owner's end")

        for what, status, say in (
                ("no mask", 1002, lambda c: c.frame(1, b"{}", masked=False)),
                ("a reserved bit", 1002, lambda c: c.frame(0x41, b"{}")),
                ("a long ping", 1002, lambda c: c.frame(9, bytes(126))),
                ("no beginning", 1002, lambda c: c.frame(0, b"{}")),
                ("no UTF-8", 1007, lambda c: c.frame(1, b"\xff")),
                ("too long", 1009, lambda c: c.frame(2, bytes(131073))),
                ("a length that is none", 1002, lambda c: c.send(b"\x82\xff" + b"\xff" * 12))):
            seen = len(at.ends())
            with Raw(at.port, recorder) as c:
                c.upgrade()
                say(c)
                opcode, payload = c.receive()
                check(opcode == 8 and struct.unpack(">H", payload[:2])[0] == status, f"{what}: {opcode} {payload}")
                c.frame(1, b"unheard")
                if what == "no mask":  # who does not close is closed, after a second
                    check(c.ended() == b"", f"{what}: it ends")
            check(at.wait_end(seen + 1)[0] == "protocol", f"{what}: {at.ends()[-1]}")
        check("message text 7 " not in at.log(), "nothing is heard after a refusal")


def test_refused_before_it_is_open(folder):
    manager, recorder = site(folder)
    with Listener(manager) as at:
        with Raw(at.port, recorder, certificate=False) as c:
            status, headers, _ = c.upgrade()
            check(status == 401 and "www-authenticate" in headers and headers["connection"] == "close", f"no certificate: {status}")
            c.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            check(c.ended() == b"", "and it is closed")
        for path, protocol in (("/link/2", "custos.link.2"), ("/link/1", "custos.link.2"), ("/link/1", "chat")):
            with Raw(at.port, recorder) as c:
                status, headers, _ = c.upgrade(path, protocol)
                check(status == 426 and headers["sec-websocket-protocol"] == PROTOCOL and headers["upgrade"] == "websocket",
                      f"{path} {protocol}: {status} {headers}")
        with Raw(at.port, recorder) as c:
            c.send(b"\x00\xff\x16\x03\x01" + os.urandom(500))
            check(c.answer()[0] == 400, "garbage behind the handshake")
        with Raw(at.port, recorder) as c:
            c.send("GET /hello HTTP/1.1\r\nHost: x\r\n" + "".join(f"X-{i}: {'y' * 100}\r\n" for i in range(1900)))  # 200 KB
            check(c.answer()[0] == 431, "200 KB of headers")
        with Raw(at.port, recorder) as c:
            c.send("GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            check(c.answer()[2] == b"late\n" and b"recorder/lobby" in c.answer()[2], "two at once are answered in their order")
            check(c.upgrade()[0] == 101, "and the link behind them")
            c.frame(1, b"{}")
            check(c.receive() == (1, b"{}"), "which is one")
        with socket.create_connection(("127.0.0.1", at.port), timeout=5) as s:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            check(b"HTTP" not in s.recv(4096), "without TLS there is no answer")
        check(at.wait_end(8) is not None and any(end[1] == "not-tls" for end in at.ends()), f"{at.ends()}")
        check(at.log().count("open ") == 1, f"one link of all these: {at.log()}")


# ---- TLS ----

def s_client(port, place, say, *options, certificate=True):
    """What openssl s_client prints; say: lines, each written by itself (K: it asks for new keys)."""
    client = ["-cert", place / "node.pem", "-cert_chain", place / "node.pem", "-key", place / "node.key"] if certificate else []
    log = place / f"s_client-{time.monotonic_ns()}.log"
    with open(log, "wb") as out:
        p = subprocess.Popen([str(x) for x in ("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", place / "root.crt",
                                               "-verify_return_error", "-crlf", *client, *options)],
                             stdin=subprocess.PIPE, stdout=out, stderr=out)
    try:
        for line in say:
            time.sleep(0.2)
            p.stdin.write((line + "\n").encode())
            p.stdin.flush()
        p.wait(10)  # it ends when the other side has closed
    except BrokenPipeError:
        p.wait(10)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    return log.read_text(errors="replace")


def openssl_s_client(manager, recorder):
    with Listener(manager) as at:
        out = s_client(at.port, recorder, ["K", "GET /hello HTTP/1.1\nHost: x", "Connection: close", ""])
        check("KEYUPDATE" in out and "HTTP/1.1 200 OK" in out and f"custos://{SITE}/recorder/lobby" in out, out)
        check("Verification: OK" in out and "TLSv1.3" in out and "New Session Ticket" not in out, "no tickets")
        end = at.wait_end(1)
        check(end[5] >= 1 and "wished for no other" in end[-1], f"the peer's KeyUpdate was taken: {end}")
        out = s_client(at.port, recorder, ["GET /link/1 HTTP/1.1\nHost: x", ""], certificate=False)
        check("HTTP/1.1 401 Unauthorized" in out, f"without a certificate: {out[-500:]}")
        out = s_client(at.port, recorder, [], "-tls1_2")
        check("alert protocol version" in out, f"TLS 1.2: {out[-500:]}")


# ---- deadlines ----

def test_deadlines_and_s_client(folder):
    """The product's own: 10 s to be open. And, with shorter ones, a peer that is gone without a word; openssl while those run."""
    manager, recorder = site(folder)
    took = {}

    def slow(port, what):
        start = time.monotonic()
        with Raw(port, recorder) as c:
            c.socket.settimeout(0.2)
            for byte in UPGRADE.format(path="/link/1", key="x", protocol=PROTOCOL) * 3:
                try:
                    c.send(byte)
                    if not c.more():
                        break
                except TimeoutError:
                    continue
                except (ssl.SSLError, OSError):
                    break
        took[what] = time.monotonic() - start

    def idle(port, what):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=15) as s:
            try:
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
        took[what] = time.monotonic() - start

    with Listener(manager) as at, Listener(manager, "ping=200", "silence=3000") as short:
        threads = [threading.Thread(target=f, args=(at.port, what), daemon=True)
                   for f, what in ((slow, "headers byte by byte"), (idle, "no TLS"))]
        for t in threads:
            t.start()
        with Raw(short.port, recorder) as quiet, Raw(short.port, recorder) as polite:
            check(quiet.upgrade()[0] == 101 and polite.upgrade()[0] == 101, "two links")
            start = time.monotonic()
            while time.monotonic() - start < 5:  # reads, and answers pings; the other one does nothing
                opcode, payload = polite.receive()
                check(opcode == 9, f"pings: {opcode}")
                polite.frame(10, payload)
            end = short.wait_end(1)
            check(end[:2] == ("timeout", "no-answer") and 2900 < end[2] < 5000 and len(short.ends()) == 1,
                  f"who says nothing is gone, who answers is not: {short.ends()}")
            polite.frame(1, b"{}")
            while (got := polite.receive())[0] == 9:
                pass
            check(got == (1, b"{}"), "and still a link")
        openssl_s_client(manager, recorder)
        for t in threads:
            t.join(20)
        for what in ("headers byte by byte", "no TLS"):
            check(took.get(what, 0) > 9, f"{what}: ended after {took.get(what, 0):.1f} s, not 10")
        at.wait_end(2)
        check(all(9900 < end[2] < 11000 for end in at.ends()), f"10 s after it was accepted: {at.ends()}")
        check([end[0] for end in at.ends()] == ["timeout", "timeout"], f"{at.ends()}")


# ---- another's WebSocket; last, because it may be skipped ----

def test_websockets_of_python(folder):
    """Another's implementation at either end: its fragments, its masks, its offer of compression, its close."""
    try:
        import websockets
        import websockets.server
    except ImportError:
        skip("python3-websockets is not installed")
    manager, recorder = site(folder)

    async def as_client(port):
        async with websockets.connect(f"wss://127.0.0.1:{port}/link/1", ssl=context(recorder), subprotocols=[PROTOCOL]) as w:
            check(w.subprotocol == PROTOCOL and not w.extensions, "no compression, though it was offered")
            await w.send(["a" * 1000, "b" * 100000, "c"])
            check(await w.recv() == "a" * 1000 + "b" * 100000 + "c", "fragments")
            blob = os.urandom(131072)
            await asyncio.gather(*(w.send(blob) for _ in range(20)))
            for _ in range(20):
                check(await w.recv() == blob, "128 KiB")
            await asyncio.wait_for(await w.ping(b"are you there"), 5)

    with Listener(manager) as at:
        asyncio.run(as_client(at.port))
        end = at.wait_end(1)
        check(end[0] == "unavailable" and "(1000" in end[-1] and end[3] > 20 * 131072, f"{end}")

    async def as_server():
        seen = []

        async def echo(w):
            peer = w.transport.get_extra_info("peercert")["subjectAltName"]
            seen.append((w.path, w.subprotocol, ("URI", f"custos://{SITE}/recorder/lobby") in peer))
            async for message in w:
                await w.send(message)
            seen.append(w.close_code)

        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.minimum_version, c.verify_mode = ssl.TLSVersion.TLSv1_3, ssl.CERT_REQUIRED
        c.load_cert_chain(manager / "node.pem", manager / "node.key")
        c.load_verify_locations(manager / "root.crt")
        async with websockets.serve(echo, "127.0.0.1", 0, ssl=c, subprotocols=[PROTOCOL], max_size=1 << 20) as server:
            port = server.sockets[0].getsockname()[1]
            p = await asyncio.create_subprocess_exec(PROBE, "connect", SITE, recorder, "manager", "main", str(port),
                                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            out = (await asyncio.wait_for(p.communicate(), 15))[0].decode()
            check(p.returncode == 0, f"the probe: {p.returncode} {out}")
        check(seen == [("/link/1", PROTOCOL, True), 1000], f"what the server saw: {seen}")
        check(f"open custos://{SITE}/manager/main 127.0.0.1:{port}" in out and out.count("message ") == 4, out)

        async with websockets.serve(lambda w: w.wait_closed(), "127.0.0.1", 0, ssl=c) as server:  # a server that does not know our protocol
            port = str(server.sockets[0].getsockname()[1])
            p = await asyncio.create_subprocess_exec(PROBE, "connect", SITE, recorder, "manager", "main", port,
                                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            out = (await asyncio.wait_for(p.communicate(), 15))[0].decode()
            check(p.returncode == 2 and "another protocol" in out and "open" not in out, f"{p.returncode} {out}")

    asyncio.run(as_server())


if __name__ == "__main__":
    main(globals(), PROBE)
