#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people's port, what takes long: 5,000 idle TLS connections, bodies that come too slowly, 75 s idle, and testssl.

testssl's findings of medium or above that stand are listed here, each with its reason; any other fails.
"""
import json
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import check, main, skip  # noqa: E402
from https_probe import PROBE, Port  # noqa: E402

IDLE = 5000
STANDS = {
    "cert_expirationStatus": "certificates live for days here, and renew themselves",
    "cert_notAfter": "the same",
    "cert_revocation": "no CRL or OCSP address: a certificate of days is replaced, and a browser would ask a host that may not be there",
    "security_headers": "the probe sends one; which of them a page needs is the gateway's matter",
}


def test_idle(folder):
    """5,000 that did their handshake and say nothing: others are served, and what they cost is small."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * IDLE:
        skip(f"{hard} open files at most: {2 * IDLE} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Port(folder, "quiet", "idle=600000") as at:
        at.serves()
        before, cpu = at.memory(), at.cpu()
        context, idle = at.context(), []
        for i in range(IDLE):
            s = socket.socket()
            s.settimeout(20)
            s.bind((f"127.0.{1 + i // 200}.1", 0))  # 256 of one address
            s.connect(("127.0.0.1", at.port))
            idle.append(context.wrap_socket(s, server_hostname="127.0.0.1"))
        each = (at.memory() - before) * 1024 / IDLE
        print(f"{IDLE} idle: {each:.1f} KiB each, {(at.cpu() - cpu) / IDLE * 1e6:.0f} us of CPU for a handshake")
        start = time.monotonic()
        for _ in range(20):
            at.serves()
        check(time.monotonic() - start < 10, "others are served")
        idle[0].sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        check(b"200 OK" in idle[0].recv(4096), "and so is the one that waited the longest")
        cpu = at.cpu()
        time.sleep(5)
        check(at.cpu() - cpu < 0.5, f"who waits costs nothing: {at.cpu() - cpu:.2f} s of 5")
        for s in idle:
            s.close()
        at.serves()


def test_deadlines(folder):
    """The product's own: 30 s for a body of 64 KiB, a second more for each further 64 KiB, 75 s idle."""
    took, said = {}, {}

    def body(at, what, n, protocol):
        with at.connect(protocol, timeout=0.5) as s:
            start = time.monotonic()
            if protocol == "h2":
                import hpack
                head = hpack.Encoder().encode([(":method", "POST"), (":scheme", "https"), (":authority", "x"), (":path", "/echo"),
                                               ("content-length", str(n))])
                s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5) + len(head).to_bytes(3, "big") + b"\x01\x04\0\0\0\x01" + head)
                piece = b"\0\0\x01\0\0\0\0\0\x01x"
            else:
                s.sendall(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n\r\n".encode())
                piece = b"x"
            got = b""
            try:
                while b"Request Timeout" not in got and time.monotonic() - start < 60:
                    s.sendall(piece)
                    try:
                        data = s.recv(4096)
                        if not data:
                            break
                        got += data
                    except TimeoutError:
                        continue
            except OSError:
                pass
            took[what], said[what] = time.monotonic() - start, got

    def idle(at, what):
        with at.connect(timeout=120) as s:
            start = time.monotonic()
            s.recv(1)
            took[what] = time.monotonic() - start

    with Port(folder) as at:
        threads = [threading.Thread(target=f, args=args, daemon=True) for f, args in (
            (body, (at, "64 KiB", 65536, "http/1.1")), (body, (at, "384 KiB", 6 * 65536, "http/1.1")), (body, (at, "h2 64 KiB", 65536, "h2")),
            (idle, (at, "idle")))]
        for t in threads:
            t.start()
        for t in threads:
            t.join(120)
        for what, seconds in (("64 KiB", 30), ("384 KiB", 35), ("h2 64 KiB", 30), ("idle", 75)):
            check(seconds - 0.2 < took.get(what, 0) < seconds + 4, f"{what}: {took.get(what, 0):.1f} s, not {seconds}")
        check(all(b"Request Timeout" in said[w] for w in ("64 KiB", "384 KiB", "h2 64 KiB")), f"and each is told: {said}")
        check(at.requests("/echo") == 0, "none of them is a request")


def test_testssl(folder):
    if not shutil.which("testssl"):
        skip("testssl.sh is not installed")
    with Port(folder, "quiet") as at:
        found = folder / "found.json"
        p = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca", at.root, "--jsonfile", found,
                            f"https://localhost:{at.port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        rows = json.loads(found.read_text())
        check(len(rows) > 100, f"it has looked: {p.stdout.decode()[-2000:]}")
        bad = [r for r in rows if r["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL")]
        for r in bad:
            print(f"{r['severity']} {r['id']}: {r['finding']}; {STANDS.get(r['id'], 'NEW')}")
        check(all(r["id"] in STANDS for r in bad), "each finding is known, and has its reason")
        by_id = {r["id"]: r["finding"] for r in rows}
        check("not offered" in by_id["TLS1"] and "not offered" in by_id["TLS1_1"] and "offered" in by_id["TLS1_2"], "versions")


if __name__ == "__main__":
    main(globals(), PROBE)
