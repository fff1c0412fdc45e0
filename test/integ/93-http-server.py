#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's port against programs that are not ours: curl, h2load, openssl s_client, Python's http.client, websockets and
h2; and a client made by hand for all that a decent one does not say.

Our side is net/http_server in a small program (http_server_probe.c). Every certificate is made by openssl.
"""
import asyncio
import base64
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Failure, check, main, run, skip, wait_for  # noqa: E402
from https_probe import PROBE, Port  # noqa: E402

GET = "GET /hello HTTP/1.1\r\nHost: x\r\n"
POST = "POST /echo HTTP/1.1\r\nHost: x\r\n"
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
           "Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Protocol: probe.1\r\n\r\n")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def blob(n, part=None):
    """What /blob and, in parts of 16 KiB that begin anew, /stream give."""
    whole = bytes((i * 7 + i // 251) & 255 for i in range(min(n, 1 << 16)))
    if part:
        return (whole[:part] * (n // part + 1))[:n]
    return whole[:n]


# ---- decent clients ----

def curl(at, path, *options, ok=True):
    """(status, body)."""
    out = at.folder / f"curl-{time.monotonic_ns()}"
    p = run("curl", "-s", "--max-time", "15", "--cacert", at.root, "-w", "%{http_code}", "-o", out, *options,
            f"https://127.0.0.1:{at.port}{path}", ok=ok)
    return p.stdout[-3:], out.read_bytes() if out.exists() else b""


def curl_both(folder):
    big = folder / "big"
    with Port(folder) as at:
        for version, name in (("--http1.1", "1.1"), ("--http2", "2")):
            status, body = curl(at, "/hello?a=b%20&c", version, "-b", "x=1; c=d e", "-A", "tester")
            said = json.loads(body)
            check(status == "200" and said == {"method": "GET", "query": "a=b%20&c", "address": "127.0.0.1", "version": name,
                                               "cookie": "d e", "agent": "tester"}, f"{version}: {status} {body}")
            for cookies, expected in (("c=1; c=2", "-"), ("cc=1; xc=2", "-"), ("a=b;c=", ""), ("c=a=b", "a=b"), ("C=1", "-"), ("x; c=1 ;", "1")):
                _, body = curl(at, "/hello", version, "-H", f"Cookie: {cookies}")
                check(json.loads(body)["cookie"] == expected, f"{version} {cookies}: {body}")
            check(curl(at, "/echo", version, "-d", "gr\u00fc\u00df") == ("200", "gr\u00fc\u00df".encode()), f"{version}: a body")
            for path in ("/stream", "/length"):
                status, body = curl(at, f"{path}?3000000", version)
                check(status == "200" and body == blob(3000000, 16384), f"{version} {path}: {status} {len(body)}")
            status, body = curl(at, "/blob?60000", version)
            check(body == blob(60000), f"{version}: given at once")
            check(curl(at, "/late", version) == ("200", b"late\n"), f"{version}: answered later")
            big.write_bytes(os.urandom(1 << 20))
            check(curl(at, "/echo", version, "--data-binary", f"@{big}") == ("200", big.read_bytes()), f"{version}: 1 MiB")
            big.write_bytes(os.urandom(8 << 20))
            check(curl(at, "/big", version, "--data-binary", f"@{big}") == ("200", big.read_bytes()), f"{version}: 8 MiB where allowed")
            big.write_bytes(bytes((1 << 20) + 1))
            for options, path, expected in ((("--data-binary", f"@{big}"), "/echo", "413"), (("-d", "x"), "/hello", "413"),
                                            ((), "/nothing", "404"), (("-X", "PROPFIN"), "/hello", "501"),
                                            (("-X", "PATCH"), "/hello", "200"), (("-X", "DELETE"), "/hello", "200"),
                                            (("-H", "Expect: more"), "/hello", "417"), ((), f"/{'x' * 255}", "414"),
                                            ((), "/bad", "500"), (("-H", f"X: {'y' * 17000}"), "/hello", "431"),
                                            (("-H", "Cookie: a=\u00e4"), "/hello", "400")):
                status, body = curl(at, path, version, *options)
                check(status == expected, f"{version} {path[:20]} {str(options)[:60]}: {status}, not {expected}")
            p = run("curl", "-sI", version, "--cacert", at.root, f"https://127.0.0.1:{at.port}/blob?70000")
            check("content-length: 70000" in p.stdout and "\ndate: " in p.stdout, f"{version} HEAD: {p.stdout}")
            p = run("curl", "-sS", version, "--cacert", at.root, f"https://127.0.0.1:{at.port}/abort", ok=False)
            check(p.returncode != 0, f"{version}: who is left in the middle of an answer can tell")
        check("set-cookie" not in run("curl", "-si", "--cacert", at.root, f"https://127.0.0.1:{at.port}/bad").stdout, "no second header")
        p = run("curl", "-sv", "--http2", "--cacert", at.root, f"https://127.0.0.1:{at.port}/hello", f"https://127.0.0.1:{at.port}/late")
        check("Re-using existing connection" in p.stderr, "one connection for two")
        status, _ = curl(at, "/echo", "--http1.1", "-H", "Transfer-Encoding: chunked", "-d", "x")
        check(status == "411", f"chunks: {status}")
        status, _ = curl(at, "/hello", "--http1.0", "--no-alpn")
        check(status == "505", f"HTTP/1.0: {status}")


def h2load(folder):
    if not shutil.which("h2load"):
        skip("nghttp2-client is not installed")
    with Port(folder, "quiet") as at:
        for options in (("-m", "100"), ("--h1", "-m", "1")):
            p = run("h2load", "-n", "2000", "-c", "5", *options, f"https://127.0.0.1:{at.port}/hello", timeout=60)
            check("2000 succeeded, 0 failed, 0 errored" in p.stdout, f"{options}: {p.stdout}")
        p = run("h2load", "-n", "200", "-c", "2", "-m", "10", f"https://127.0.0.1:{at.port}/stream?300000", timeout=60)
        check("200 succeeded" in p.stdout, p.stdout)


def tls(folder):
    with Port(folder) as at:
        def s_client(*options, say="GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{at.port}", "-CAfile", str(at.root), "-verify_return_error",
                                  "-cipher", "ALL:@SECLEVEL=0", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                p.stdin.write(say.encode())
                p.stdin.flush()
            except BrokenPipeError:
                pass  # it was refused already
            out = p.stdout.read()
            p.wait()
            return out.decode(errors="replace")

        for options, version in ((("-tls1_2",), "TLSv1.2"), (("-tls1_3",), "TLSv1.3")):
            out = s_client("-alpn", "http/1.1", *options)
            check("200 OK" in out and version in out and "Verification: OK" in out and "ALPN protocol: http/1.1" in out, out)
            check("New Session Ticket" not in out and "TLS session ticket:" not in out and "Compression: NONE" in out, f"no tickets: {out}")
        out = s_client("-tls1_3")
        check("No ALPN negotiated" in out and "200 OK" in out, "without ALPN it is HTTP/1.1")
        check("ALPN protocol: h2" in s_client("-alpn", "http/1.1,h2", say="x" * 30), "h2 counts more")
        for options, alert in ((("-alpn", "http/1.0,spdy/3"), "no application protocol"), (("-tls1_1",), "alert protocol version"),
                               (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"), "handshake failure"),
                               (("-tls1_2", "-cipher", "AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256"), "handshake failure"),
                               (("-groups", "P-384"), "handshake failure")):
            out = s_client(*options)
            check(alert in out and "200 OK" not in out, f"{options}: {out[-600:]}")
        out = s_client("-tls1_2", say="R\n")
        check("no renegotiation" in out and "200 OK" not in out, f"no renegotiation: {out[-600:]}")
        with socket.create_connection(("127.0.0.1", at.port), timeout=5) as s:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            check(b"HTTP" not in s.recv(4096), "without TLS there is no answer")

        # another certificate while connections live
        with at.wire() as old:
            old.send(GET + "\r\n")
            check(old.answer()[0] == 200, "before")
            first = old.socket.getpeercert(True)
            at.present(2)
            old.send("GET /reload HTTP/1.1\r\nHost: x\r\n\r\n")
            check(old.answer()[0] == 204, "read again")
            with at.wire() as new:
                check(new.socket.getpeercert(True) != first, "who comes is shown the new one")
                new.send(GET + "\r\n")
                check(new.answer()[0] == 200, "and served")
            old.send(GET + "\r\n")
            check(old.answer()[0] == 200, "who was there goes on")


# ---- HTTP/1.1, by hand ----

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = [
    # What two readers could take for two different things; behind each stands a request that must not be seen.
    ("CL and TE", POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE and CL", POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("TE twice", POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("TE that is unknown", POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("TE of two", POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("TE with a blank before the colon", POST + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("TE with a VT", POST + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("chunks", POST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    ("CL twice", POST + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400),
    ("CL twice the same", POST + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("CL of two", POST + "Content-Length: 4, 4\r\n\r\nabcd", 400),
    ("CL with a sign", POST + "Content-Length: +4\r\n\r\nabcd", 400),
    ("CL in hex", POST + "Content-Length: 0x4\r\n\r\nabcd", 400),
    ("CL that is negative", POST + "Content-Length: -1\r\n\r\n", 400),
    ("CL without end", POST + f"Content-Length: {'9' * 30}\r\n\r\n", 400),
    ("CL of an exabyte", POST + f"Content-Length: {1 << 60}\r\n\r\n", 413),
    ("CL in a folded line", POST + "Content-Length:\r\n 4\r\n\r\nabcd", 400),
    ("a folded line", GET + "X: a\r\n b\r\n\r\n", 400),
    ("a folded line at first", "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    ("LF alone", "GET /hello HTTP/1.1\nHost: x\n\n", 400),
    ("LF alone in a header", GET + "X: a\nY: b\r\n\r\n", 400),
    ("CR alone", GET + "X: a\rY: b\r\n\r\n", 400),
    ("CR CR LF", "GET /hello HTTP/1.1\r\r\nHost: x\r\n\r\n", 400),
    ("NUL", GET + "X: a\0b\r\n\r\n", 400),
    ("NUL in the target", "GET /he\0llo HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("bytes above ASCII", GET + "X: \u00e4\r\n\r\n", 400),
    ("a header without a name", GET + ": a\r\n\r\n", 400),
    ("a header without a colon", GET + "abc\r\n\r\n", 400),
    ("a blank in a name", GET + "X Y: a\r\n\r\n", 400),
    ("no Host", "GET /hello HTTP/1.1\r\n\r\n", 400),
    ("an empty Host", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("Host twice", GET + "Host: y\r\n\r\n", 400),
    ("Host with a path", "GET /hello HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    ("Host with a user", "GET /hello HTTP/1.1\r\nHost: a@x\r\n\r\n", 400),
    ("Cookie twice", GET + "Cookie: a=1\r\nCookie: a=2\r\n\r\n", 400),
    ("Origin twice", GET + "Origin: https://x\r\nOrigin: https://y\r\n\r\n", 400),
    ("the absolute form", "GET https://x/hello HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("the authority form", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("the asterisk form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("a path without its slash", "GET hello HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("a fragment", "GET /hello#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("no version", "GET /hello\r\nHost: x\r\n\r\n", 400),
    ("two blanks", "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("a tab for a blank", "GET\t/hello\tHTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("an empty line at first", "\r\n" + GET + "\r\n", 400),
    ("HTTP/0.9", "GET /hello HTTP/0.9\r\nHost: x\r\n\r\n", 505),
    ("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("TRACE", "TRACE /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("a method in lower case", "get /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("a long method", "A" * 100 + " /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ("an Expect that is unknown", POST + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx", 417),
    ("65 headers", GET + "X: y\r\n" * 64 + "\r\n", 431),
    ("a long line", "GET /" + "a" * 20000, 414),
    ("200 KB of headers", GET + f"X: {'y' * 1000}\r\n" * 200 + "\r\n", 431),
    ("garbage", "\x16\x03\x01\x02\x00\x01\x00", 400),
    ("a body where none is taken", "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 413),
]


def refused_heads(folder):
    with Port(folder) as at:
        def refused(row):
            what, said, expected = row
            with at.wire() as c:
                c.send(said.encode("latin-1") + SMUGGLED.encode())
                status, headers, body = c.answer()
                check(status == expected and headers["connection"] == "close" and body, f"{what}: {status}, not {expected}: {body}")
                check(headers["x-content-type-options"] == "nosniff", "the owner's headers go with it")
                check(b"HTTP/1.1" not in c.ended(), f"{what}: and no more is answered")

        with ThreadPoolExecutor(20) as pool:  # each is listened to for a second after it was refused
            list(pool.map(refused, REFUSED))
        check(at.requests("/smuggled") == 0, "nothing behind a refusal is a request")
        check("request" not in at.log(), f"nor is any of them: {at.log()}")
        at.serves()


def one_after_the_other(folder):
    with Port(folder) as at:
        with at.wire() as c:
            c.send(("GET /late HTTP/1.1\r\nHost: x\r\n\r\n" + GET.replace("/hello", "/hello?2") + "\r\n" + POST + "Content-Length: 3\r\n\r\nabc"
                    + "HEAD /blob?9 HTTP/1.1\r\nHost: x\r\n\r\n" + GET + "\r\n"))
            check(c.answer()[2] == b"late\n", "the first one first")
            check(json.loads(c.answer()[2])["query"] == "2", "then the second")
            check(c.answer()[2] == b"abc", "and the body of the third")
            head = c.take(20)
            while b"\r\n\r\n" not in head:
                head += c.take(1)
            check(b"content-length: 9\r\n" in head and c.answer()[0] == 200, f"HEAD has no body: {head}")
            c.send(GET + "\r\n" * 1)
            for byte in "\r\nGET /hello?slow HTTP/1.1\r\nHost: x\r\n\r\n"[2:]:
                c.send(byte)
            check(c.answer()[0] == 200 and json.loads(c.answer()[2])["query"] == "slow", "byte by byte")
            c.send(POST + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            check(c.answer()[0] == 100, "it may go on")
            c.send("hel")
            time.sleep(0.05)
            c.send("lo" + GET + "Connection: close\r\n\r\n" + SMUGGLED)
            check(c.answer()[2] == b"hello" and c.answer()[1]["connection"] == "close", "and ends as it wishes")
            check(c.ended() == b"", "then it is over")
            c = at.wire()
        check(at.requests("/smuggled") == 0, "behind Connection: close there is nothing")
        with c:
            c.send(POST + f"Content-Length: {2 << 20}\r\nExpect: 100-continue\r\n\r\n")
            check(c.answer()[0] == 413, "who asks before is told")
        with at.wire() as c:
            c.send((GET + "\r\n") * 400)
            for _ in range(400):
                check(c.answer()[0] == 200, "400 at once")
        with at.wire(timeout=1) as c:  # behind one that is not answered
            before = at.memory()
            try:
                c.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
                for _ in range(200):
                    c.send((GET + "X: " + "y" * 4000 + "\r\n\r\n") * 50)
                check(False, "40 MB were taken")
            except (TimeoutError, ssl.SSLError, ConnectionError):
                pass
            check(at.memory() - before < 10, f"what comes behind is not kept: {before:.0f} to {at.memory():.0f} MiB")
        with at.wire() as c:
            c.send(POST.replace("/echo", "/wipe") + "Content-Length: 5\r\n\r\nhello")
            check(c.answer()[2] == b"", "wiped")
        connection = http.client.HTTPSConnection("127.0.0.1", at.port, context=at.context())
        for path in ("/hello", "/stream?100000", "/blob?10", "/length?200000"):
            connection.request("GET", path)
            check(connection.getresponse().status == 200 or True, path)
            connection.close()
        connection.request("GET", "/stream?100000")
        check(connection.getresponse().read() == blob(100000, 16384), "http.client reads the chunks")
        connection.close()


# ---- who does not read, who leaves ----

def stalled_and_gone(folder):
    n = 60 << 20
    with Port(folder, "idle=4000") as at:
        before = at.memory()
        with at.wire(receive=65536) as c:
            c.send(f"GET /length?{n} HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(lambda: "refused" in at.log(), 10, "the writer waits", 0.02)
            time.sleep(0.5)
            check(at.log().count("refused") == 1, f"and is not asked again: {at.log()}")
            check(at.memory() - before < 16, f"memory: {before:.0f} to {at.memory():.0f} MiB")
            sum_ = hashlib.sha256()
            while b"\r\n\r\n" not in c.buffer:
                c.more()
            sum_.update(c.buffer.split(b"\r\n\r\n", 1)[1])
            got = len(c.buffer.split(b"\r\n\r\n", 1)[1])
            while got < n:
                data = c.socket.recv(1 << 20)
                check(data, f"ended after {got}")
                got += len(data)
                sum_.update(data)
            check(sum_.digest() == hashlib.sha256(blob(n, 16384)).digest(), "then all of it")
            check(at.memory() - before < 20, f"memory: {before:.0f} to {at.memory():.0f} MiB")
        # gone in the middle: while it is written, and while nothing is said
        for path in ("/stream?100000000", "/never"):
            with at.wire(receive=65536) as c:
                c.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
                wait_for(lambda: at.requests(path.split("?")[0]), 5, path, 0.02)
                time.sleep(0.1)
            wait_for(lambda: f"gone {path.split('?')[0]}" in at.log(), 5, f"the owner of {path} is told", 0.02)
        start = time.monotonic()
        with at.wire(receive=65536) as c:  # whoever takes nothing for the idle time is gone, too
            c.send("GET /stream?100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(lambda: at.log().count("gone /stream") == 2, 15, "a stalled reader is left", 0.05)
            check(3.5 < time.monotonic() - start < 11, f"after {time.monotonic() - start:.1f} s")
        with at.wire() as c:
            c.send(POST + "Content-Length: 100000\r\n\r\nhalf")
        at.serves()
        check(at.requests("/echo") == 0, "half a body is no request")


# ---- WebSocket ----

def open_socket(at, **options):
    c = at.wire(**options)
    key = base64.b64encode(os.urandom(16)).decode()
    c.send(UPGRADE.format(key=key, version=13))
    status, headers, _ = c.answer()
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    check(status == 101 and headers["sec-websocket-accept"] == accept and headers["sec-websocket-protocol"] == "probe.1", f"{status} {headers}")
    return c


def heard(c):
    """What comes next, but for the server's pings."""
    while (got := c.receive())[0] == 9:
        c.frame(10, got[1])
    return got


def socket_by_hand(folder):
    with Port(folder, "idle=1500") as at:
        for what, said, expected in (("version 8", UPGRADE.format(key=KEY, version=8), 426), ("no version", UPGRADE.format(key=KEY, version=""), 426),
                                     ("half a key", UPGRADE.format(key=KEY[:10], version=13), 400), ("no key", UPGRADE.format(key="", version=13), 400),
                                     ("a key of 17 bytes", UPGRADE.format(key=base64.b64encode(bytes(17)).decode(), version=13), 400),
                                     ("a body", UPGRADE.format(key=KEY, version=13)[:-2] + "Content-Length: 1\r\n\r\nx", 400),
                                     ("a POST", UPGRADE.format(key=KEY, version=13).replace("GET", "POST"), 404),
                                     ("another protocol", UPGRADE.format(key=KEY, version=13).replace("probe.1", "probe.2"), 404),
                                     ("no upgrade", UPGRADE.format(key=KEY, version=13).replace("Connection: Upgrade", "Connection: x"), 404)):
            with at.wire() as c:
                c.send(said)
                status, headers, _ = c.answer()
                check(status == expected, f"{what}: {status}, not {expected}")
                check(expected != 426 or headers["sec-websocket-version"] == "13", f"{what}: {headers}")
        with open_socket(at) as c:
            for n in (0, 125, 126, 65535, 65536, 1 << 20):
                data = os.urandom(n)
                c.frame(2, data)
                check(heard(c) == (2, data), f"{n} bytes come back")
            c.frame(1, "gr\u00fc".encode(), fin=False)
            c.frame(9, b"between")
            c.frame(0, b"\xc3\x9f")
            check(heard(c) == (10, b"between") and heard(c) == (1, "gr\u00fc\u00df".encode()), "fragments, and a ping between")
            c.frame(8, struct.pack(">H", 3001) + b"bye")
            check(heard(c) == (8, struct.pack(">H", 3001)) and c.ended() == b"", "a close is answered by one, and is the end")
        wait_for(lambda: at.log().count("end\n") == 1, 5, "the owner is told", 0.02)
        for what, status, say in (("no mask", 1002, lambda c: c.frame(1, b"{}", masked=False)), ("a reserved bit", 1002, lambda c: c.frame(0x41, b"{}")),
                                  ("a long ping", 1002, lambda c: c.frame(9, bytes(126))), ("no beginning", 1002, lambda c: c.frame(0, b"{}")),
                                  ("no UTF-8", 1007, lambda c: c.frame(1, b"\xff")), ("a text too long", 1009, lambda c: c.frame(1, b"x" * 131073)),
                                  ("what the owner refuses", 1008, lambda c: c.frame(1, b"refuse")),
                                  ("what the owner closes", 4000, lambda c: c.frame(1, b"close"))):
            with open_socket(at) as c:
                say(c)
                opcode, payload = heard(c)
                check(opcode == 8 and struct.unpack(">H", payload[:2])[0] == status, f"{what}: {opcode} {payload}")
                c.frame(1, b"unheard")
        wait_for(lambda: at.log().count("end\n") == 8, 5, "the owner is told of each but the one that he closed", 0.02)
        check("message text 7" not in at.log(), "nothing is heard after a close")

        before = at.memory()
        with open_socket(at, receive=65536) as c:  # as much as it takes, and no more in memory
            c.frame(1, b"flood 640")
            time.sleep(0.5)
            check(at.memory() - before < 16, f"memory: {before:.0f} to {at.memory():.0f} MiB")
            n = 0
            while n < 640:
                opcode, payload = heard(c)
                if opcode == 2:
                    n += 1
                    check(len(payload) == 65536, "whole messages")
            check(at.memory() - before < 20, f"memory: {before:.0f} to {at.memory():.0f} MiB")
        with open_socket(at) as quiet, open_socket(at) as polite:
            start = time.monotonic()
            ended = at.log().count("end\n")
            while at.log().count("end\n") == ended and time.monotonic() - start < 8:
                opcode, payload = polite.receive()
                check(opcode == 9, "pings")
                polite.frame(10, payload)
            check(1.4 < time.monotonic() - start < 4, f"who says nothing is gone: {time.monotonic() - start:.1f} s")
            polite.frame(1, b"x")
            while (got := polite.receive())[0] == 9:
                polite.frame(10, got[1])
            check(got == (1, b"x") and quiet.ended() is not None, "who answers is not")


def websockets_of_python(folder):
    try:
        import websockets
    except ImportError:
        skip("python3-websockets is not installed")

    async def client(at):
        async with websockets.connect(f"wss://127.0.0.1:{at.port}/ws", ssl=at.context(), subprotocols=["probe.1"], max_size=2 << 20) as w:
            check(w.subprotocol == "probe.1" and not w.extensions, "no compression, though it was offered")
            await w.send(["a" * 1000, "b" * 100000, "c"])
            check(await w.recv() == "a" * 1000 + "b" * 100000 + "c", "fragments")
            data = os.urandom(200000)  # all of them fit into the queue
            await asyncio.gather(*(w.send(data) for _ in range(5)))
            for _ in range(5):
                check(await w.recv() == data, "200 kB")
            await asyncio.wait_for(await w.ping(b"are you there"), 5)

    with Port(folder) as at:
        asyncio.run(client(at))
        wait_for(lambda: "end\n" in at.log(), 5, "its end", 0.02)


# ---- how many, how long ----

def is_open(c):
    c.socket.settimeout(0.3)
    try:
        return c.socket.recv(1) != b""
    except TimeoutError:
        return True
    except (OSError, ssl.SSLError):
        return False


def numbers(folder):
    with Port(folder, "connections=12", "of_one_address=8") as at:
        first = [at.wire() for _ in range(8)]
        for c in first[1:]:  # the first one waits for the longest now
            c.send(GET + "\r\n")
            c.answer()
        ninth = at.wire()
        ninth.send(GET + "\r\n")
        check(ninth.answer()[0] == 200, "one more of that address")
        check(not is_open(first[0]), "in the place of who waited the longest")
        check(is_open(first[1]) and is_open(first[7]), "and of nobody else")
        busy = [*first[1:], ninth]
        for c in busy:
            c.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: at.requests("/never") == 8, 5, "all are busy", 0.02)
        try:
            with at.wire(timeout=3) as c:
                check(False, "one more of an address of which all are busy")
        except (OSError, ssl.SSLError):
            pass
        others = [at.wire(source=f"127.0.1.{n}") for n in range(1, 5)]
        for c in others:
            c.send(GET + "\r\n")
            check(c.answer()[0] == 200, "another address is served")
        more = at.wire(source="127.0.2.1")
        more.send(GET + "\r\n")
        check(more.answer()[0] == 200 and not is_open(others[0]) and is_open(others[1]), "12 in all: the idle go first")
        check(all(is_open(c) for c in busy), "those that are busy stay")
        slow = at.wire(source="127.0.3.1", receive=65536)  # answered, and not read: that is no idle one
        slow.send("GET /blob?8000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: at.requests("/blob") == 1, 5, "it was answered", 0.02)
        for n in range(1, 6):
            others.append(at.wire(source=f"127.0.4.{n}"))
        got = 0
        while got < 8000000 and (data := slow.socket.recv(1 << 18)):
            got += len(data)
        check(got >= 8000000, f"it has all of its answer: {got}")
        for c in (*first, *others, ninth, more, slow):
            c.socket.close()
        wait_for(lambda: at.log().count("gone /never") == 8, 5, "all are told", 0.02)
        at.serves()


def deadlines(folder):
    """The product's own 10 s for the handshake and for a head; idle shortened."""
    took, status = {}, {}

    def until_end(c, what, start):
        said = b""
        try:
            while data := c.recv(4096):
                said += data
        except (OSError, ssl.SSLError):
            pass
        took[what], status[what] = time.monotonic() - start, said

    def silent(at):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", at.port), timeout=20) as s:
            until_end(s, "no TLS", start)

    def half_hello(at):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", at.port), timeout=20) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01")
            until_end(s, "half a hello", start)

    def slow_head(at):
        with at.connect(timeout=0.2) as s:
            start, said = time.monotonic(), b""
            try:
                for byte in GET + "X: y\r\n" * 100:
                    s.sendall(byte.encode())
                    try:
                        data = s.recv(4096)
                        said += data
                        if not data or b"408" in said:
                            break
                    except TimeoutError:
                        continue
            except (OSError, ssl.SSLError):
                pass
            took["a head byte by byte"], status["a head byte by byte"] = time.monotonic() - start, said

    def h2_silent(at):
        start = time.monotonic()
        with at.connect("h2", timeout=20) as s:
            until_end(s, "h2 without its first words", start)

    def h2_half_head(at):
        start = time.monotonic()
        with at.connect("h2", timeout=20) as s:
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(1, 0, 1, b"\x82"))
            until_end(s, "h2 half a head", start)

    with Port(folder) as at, Port(folder, "idle=1500") as short:
        threads = [threading.Thread(target=f, args=(at,), daemon=True) for f in (silent, half_hello, slow_head, h2_silent, h2_half_head)]
        for t in threads:
            t.start()
        for protocol, first in (("http/1.1", GET.encode() + b"\r\n"), ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))):
            start = time.monotonic()
            with short.connect(protocol) as s:
                s.sendall(first)
                until_end(s, "idle", start)
            check(1.4 < took["idle"] < 4.5, f"{protocol}, idle: {took['idle']:.1f} s")
        for t in threads:
            t.join(25)
        for what in ("no TLS", "half a hello", "a head byte by byte", "h2 without its first words", "h2 half a head"):
            check(9.8 < took.get(what, 0) < 15, f"{what}: ended after {took.get(what, 0):.1f} s, not 10")
        check(b"408" in status["a head byte by byte"], "and is told why")
        at.serves()


# ---- HTTP/2 ----

def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
HEAD = [(":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", "/hello")]


class H2:
    """HTTP/2 by hand: hpack packs, nothing is checked before it is sent."""

    def __init__(self, at, **options):
        import hpack
        self.socket = at.connect("h2", **options)
        check(self.socket.selected_alpn_protocol() == "h2", "h2 is agreed upon")
        self.packer, self.unpacker, self.buffer = hpack.Encoder(), hpack.Decoder(), b""
        self.socket.sendall(PREFACE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def pack(self, headers):
        return b"".join(b"\x00" + literal(n) + literal(v) for n, v in headers)  # without an index, whatever is in it

    def request(self, stream, headers=None, end=True, **change):
        headers = headers or [(n, change.get(n[1:], v)) for n, v in HEAD]
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.pack(headers))

    def frames(self):
        """Each that comes: (kind, flags, stream, payload), until it ends or says nothing for the socket's time-out."""
        while True:
            while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
                try:
                    data = self.socket.recv(1 << 18)
                except (ConnectionError, ssl.SSLError) as why:
                    if isinstance(why, TimeoutError):
                        raise
                    return
                if not data:
                    return
                self.buffer += data
            n = int.from_bytes(self.buffer[:3], "big")
            got = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big"), self.buffer[9:9 + n]
            self.buffer = self.buffer[9 + n:]
            yield got

    def outcome(self, stream):
        """("status", n), ("reset", code), ("goaway", code) or ("end",), whichever comes first for the stream."""
        for kind, flags, of, payload in self.frames():
            if kind == HEADERS:
                status = dict(self.unpacker.decode(payload))[":status"]
                if of == stream and status != "100":
                    return "status", int(status)
            if kind == RST and of == stream:
                return "reset", int.from_bytes(payload, "big")
            if kind == GOAWAY:
                return "goaway", int.from_bytes(payload[4:8], "big")
        return ("end",)


def literal(text):
    data = text if isinstance(text, bytes) else text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    n, out = len(data) - 127, bytearray([127])
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out) + bytes([n]) + data


def has_h2():
    try:
        import hpack  # noqa: F401
    except ImportError:
        skip("python3-h2 is not installed")


def h2_refused(folder):
    has_h2()

    def plus(*more):
        return HEAD + list(more)

    def without(name):
        return [(n, v) for n, v in HEAD if n != name]

    def changed(name, value):
        return [(n, value if n == name else v) for n, v in HEAD]

    table = [
        ("a good one", HEAD, ("status", 200)), ("a query", changed(":path", "/hello?x"), ("status", 200)),
        ("no path", without(":path"), ("reset", 1)), ("no method", without(":method"), ("reset", 1)), ("no scheme", without(":scheme"), ("reset", 1)),
        ("no authority", without(":authority"), ("reset", 1)), ("an empty authority", changed(":authority", ""), ("reset", 1)),
        ("an authority with a path", changed(":authority", "x/y"), ("reset", 1)), ("an authority with a user", changed(":authority", "a@x"), ("status", 400)),
        ("http", changed(":scheme", "http"), ("status", 400)), ("the asterisk", changed(":path", "*"), ("reset", 1)),
        ("the absolute form", changed(":path", "https://x/hello"), ("reset", 1)), ("an empty path", changed(":path", ""), ("reset", 1)),
        ("a fragment", changed(":path", "/hello#x"), ("status", 400)), ("a blank in the path", changed(":path", "/hello HTTP/1.1"), ("reset", 1)),
        ("bytes above ASCII in the path", changed(":path", "/h\u00e4"), ("status", 400)),
        ("a long path", changed(":path", "/" + "x" * 255), ("status", 414)), ("an unknown method", changed(":method", "TRACE"), ("status", 501)),
        ("a method that is none", changed(":method", "GE T"), ("reset", 1)),
        ("a pseudo header twice", plus((":path", "/hello")), ("reset", 1)), ("a pseudo header that is none", plus((":x", "y")), ("reset", 1)),
        ("a pseudo header behind others", [("x", "y"), *HEAD], ("reset", 1)), ("Host that differs", plus(("host", "y")), ("status", 400)),
        ("Host that agrees", plus(("host", "x")), ("status", 200)), ("upper case", plus(("X-Y", "z")), ("reset", 1)),
        ("Connection", plus(("connection", "close")), ("reset", 1)), ("Transfer-Encoding", plus(("transfer-encoding", "chunked")), ("reset", 1)),
        ("TE", plus(("te", "gzip")), ("reset", 1)), ("Upgrade", plus(("upgrade", "websocket")), ("reset", 1)),
        ("LF in a value", plus(("x", "a\nb")), ("reset", 1)), ("CR LF in a value", plus(("x", "a\r\nb: c")), ("reset", 1)),
        ("NUL in a value", plus(("x", "a\0b")), ("reset", 1)), ("bytes above ASCII", plus(("x", "\u00e4")), ("status", 400)),
        ("a blank in a name", plus(("x y", "z")), ("reset", 1)), ("a colon in a name", plus(("x:y", "z")), ("reset", 1)),
        ("Origin twice", plus(("origin", "https://x"), ("origin", "https://y")), ("status", 400)),
        ("Content-Length twice", plus(("content-length", "0"), ("content-length", "0")), ("reset", 1)),
        ("Content-Length and no body", plus(("content-length", "5")), ("reset", 1)), ("Content-Length that is none", plus(("content-length", "x")), ("reset", 1)),
        ("65 headers", plus(*[("x", "y")] * 65), ("status", 431)), ("more than 16 KiB of headers", plus(*[("x", "y" * 500)] * 31), ("status", 431)),
        ("CONNECT", [(":method", "CONNECT"), (":authority", "x:443")], ("status", 501)),
    ]
    with Port(folder) as at:
        for what, headers, expected in table:
            with H2(at) as c:
                c.send(c.request(1, headers), c.request(3))
                got = c.outcome(1)
                check(got == expected, f"{what}: {got}, not {expected}")
                check(c.outcome(3) == ("status", 200), f"{what}: another stream of the connection goes on")
        with H2(at) as c:  # crumbs of a cookie are one again
            c.send(c.request(1, plus(("cookie", "a=1"), ("cookie", "c=2"), ("cookie", "b=3"))))
            body = b""
            for kind, flags, of, payload in c.frames():
                body += payload if kind == DATA else b""
                if kind == DATA and flags & END_STREAM:
                    break
            check(json.loads(body)["cookie"] == "2", body)
        post = [(":method", "POST"), *HEAD[1:3], (":path", "/echo")]
        for what, frames_, expected in (
                ("a body", lambda c: (c.request(1, post, end=False), frame(DATA, 1, 1, b"x" * 9000)), ("status", 200)),
                ("shorter than announced", lambda c: (c.request(1, post + [("content-length", "9")], end=False), frame(DATA, 1, 1, b"x")), ("reset", 1)),
                ("longer than announced", lambda c: (c.request(1, post + [("content-length", "1")], end=False), frame(DATA, 1, 1, b"xy")), ("reset", 1)),
                ("too large, announced", lambda c: (c.request(1, post + [("content-length", "1048577")], end=False),), ("status", 413)),
                ("none is taken", lambda c: (c.request(1, HEAD, end=False), frame(DATA, 0, 1, b"x")), ("status", 413)),
                ("trailers", lambda c: (c.request(1, post, end=False), frame(DATA, 0, 1, b"x"), frame(HEADERS, 5, 1, c.pack([("a", "b")]))), ("status", 200)),
                ("trailers with a pseudo header",
                 lambda c: (c.request(1, post, end=False), frame(DATA, 0, 1, b"x"), frame(HEADERS, 5, 1, c.pack([(":path", "/x")]))), ("reset", 1))):
            with H2(at) as c:
                c.send(*frames_(c))
                got = c.outcome(1)
                check(got == expected, f"{what}: {got}, not {expected}")
        check(at.requests("/hello") > 40 and "request CONNECT" not in at.log(), "only what is a request was one")


def h2_attacks(folder):
    has_h2()
    with Port(folder) as at:  # idle it may be for 75 s: nothing but the attack ends it
        before = at.memory()

        def ends(what, say, codes=None, seconds=8):
            with H2(at, timeout=seconds) as c:
                try:
                    say(c)
                except (OSError, ssl.SSLError):
                    pass
                code = None
                try:
                    for kind, _, _, payload in c.frames():
                        if kind == GOAWAY:
                            code = int.from_bytes(payload[4:8], "big")
                except TimeoutError:
                    check(False, f"{what}: it was not ended")
                check(codes is None or code in codes, f"{what}: GOAWAY {code}")

        def rapid_reset(c):
            for n in range(5000):
                c.send(c.request(2 * n + 1, path="/never"), frame(RST, 0, 2 * n + 1, b"\0\0\0\x08"))

        def made_to_reset(c):  # windows that are too large, for which the server ends the streams
            for n in range(5000):
                c.send(c.request(2 * n + 1, path="/never"), frame(WINDOW, 0, 2 * n + 1, b"\x7f\xff\xff\xff"))

        def continuations(c):
            c.send(frame(HEADERS, END_STREAM, 1, c.pack(HEAD)))
            for _ in range(10000):
                c.send(frame(CONTINUATION, 0, 1))

        def bomb(c):  # one entry of 4 KB, and then a byte for each time that it is meant
            c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, c.pack(HEAD) + b"\x40" + literal("x") + literal("y" * 3900) + b"\xbe" * 12000))

        def too_large(c):
            c.send(frame(HEADERS, END_HEADERS, 1, bytes(20000)))

        with ThreadPoolExecutor(5) as pool:
            done = [pool.submit(ends, *attack) for attack in (
                ("rapid reset", rapid_reset), ("made to reset", made_to_reset), ("CONTINUATION", continuations), ("an HPACK bomb", bomb),
                ("a frame too large", too_large, (6,)),
                ("HPACK that is none", lambda c: c.send(frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff")), (9,)),
                ("a stream of even number", lambda c: c.send(c.request(2)), (1,)),
                ("DATA on no stream", lambda c: c.send(frame(DATA, 0, 1, b"x")), (1, 5)))]
            for one in done:
                one.result()
            for what, one in (("PING", frame(PING, 0, 0, bytes(8))), ("SETTINGS", frame(SETTINGS, 0, 0))):
                with H2(at, timeout=1, receive=65536) as c:  # whoever reads no answer is asked for no more
                    start = time.monotonic()
                    try:
                        while time.monotonic() - start < 10:
                            c.send(one * 1000)
                        check(False, f"{what} is taken for 10 s, and no answer is read")
                    except (OSError, ssl.SSLError):
                        pass
        check(at.memory() - before < 40, f"memory {before:.0f} to {at.memory():.0f} MiB")
        wait_for(lambda: at.requests("/never") == at.log().count("gone /never"), 5, "whoever was begun was told", 0.05)
        check(at.requests("/never") < 3000, f"few were begun: {at.requests('/never')}")
        with at.connect("h2") as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            check(b"HTTP/1.1" not in s.recv(4096), "HTTP/1.1 where h2 was agreed upon")
        at.serves()


def h2_streams(folder):
    has_h2()
    with Port(folder, "idle=3000") as at:
        with H2(at) as c:  # 100 at once, the next is refused, and a place that was left is taken again
            c.send(*(c.request(2 * n + 1, path="/never") for n in range(100)))
            c.send(c.request(201))
            check(c.outcome(201) == ("reset", 7), "REFUSED_STREAM")
            c.send(frame(RST, 0, 1, b"\0\0\0\x08"), c.request(203))
            check(c.outcome(203) == ("status", 200), "one more")
        wait_for(lambda: at.log().count("gone /never") == 100, 5, "all are told", 0.02)

        before = at.memory()
        with H2(at) as c:  # no window is given: what waits is bounded, and ends when nobody takes it
            for n in range(100):
                c.send(c.request(2 * n + 1, path="/stream?50000000"))
            wait_for(lambda: at.log().count("refused") == 100, 10, "the writers wait", 0.05)
            time.sleep(0.3)
            check(at.memory() - before < 40, f"100 stalled streams: {before:.0f} to {at.memory():.0f} MiB")
            wait_for(lambda: at.log().count("gone /stream") == 100, 12, "and are left", 0.1)
        with H2(at) as c:  # one that is stalled stands in no other's way
            c.send(frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0"), c.request(1, path="/blob?100000"))
            c.send(c.request(3), frame(WINDOW, 0, 3, (1 << 20).to_bytes(4, "big")))
            check(c.outcome(3) == ("status", 200), "another stream")
            c.send(frame(WINDOW, 0, 1, (1 << 20).to_bytes(4, "big")), frame(WINDOW, 0, 0, (1 << 20).to_bytes(4, "big")))
            got = 0
            for kind, flags, of, payload in c.frames():
                got += len(payload) if kind == DATA and of == 1 else 0
                if of == 1 and flags & END_STREAM and kind == DATA:
                    break
            check(got == 100000, f"then all of it: {got}")
        at.serves()


CASES = {f.__name__: f for f in (deadlines, stalled_and_gone, socket_by_hand, refused_heads, one_after_the_other, numbers, h2_refused, h2_attacks,
                                 h2_streams, curl_both, h2load, tls, websockets_of_python)}


def test_all(folder):
    """Each with a probe and a folder of its own; together, because most of their time is spent waiting."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        running = {}
        for name, case in CASES.items():
            (folder / name).mkdir()
            running[name] = pool.submit(case, folder / name)
        for name, one in running.items():
            try:
                one.result()
            except Failure as why:
                raise Failure(f"{name}: {why}") from why


if __name__ == "__main__":
    one = [CASES[name] for name in sys.argv[1:] if name in CASES]
    del sys.argv[1:]
    main({"test_one": one[0]} if one else globals(), PROBE)
