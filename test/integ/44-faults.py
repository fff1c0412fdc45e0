#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk over the table of faults: each row of `custos errors` is caused by a real peer, and what a person is then shown
is the row's name, meaning and remedy. A row without a trigger here fails, and so does a trigger without a row.

A trigger is a function of its row's name (with _ for -); it returns what `custos camera test --json` printed, or, of what
only a recorder can meet, what `custos status` says of the stream.
"""
import base64
import contextlib
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import (ENV, Authority, Failure, Site, check, custos, kill, main, make_key, password_file, run,  # noqa: E402
                         self_signed, wait_for)
from scripted_camera import ScriptedCamera, Session, access_units, is_key, sdp  # noqa: E402

SHA256 = 'WWW-Authenticate: Digest realm="x", nonce="0123", algorithm=SHA-256, qop="auth"'
BASIC = 'WWW-Authenticate: Basic realm="x"'
AT_ONCE = 12  # looks at the same time; most of them wait
# Of disks, of too much and of time: not a camera's. Caused, and looked for by name, in other tests.
ELSEWHERE = {
    "volume-missing": "integ/71-disks.py", "volume-foreign": "integ/71-disks.py", "volume-swapped": "unit/vault/test_volume.c",
    "volume-stale": "integ/71-disks.py", "volume-denied": "integ/70-volume-role.py", "volume-read-only": "integ/71-disks.py",
    "volume-io-error": "integ/71-disks.py", "volume-slow": "integ/71-disks.py", "volume-full": "integ/72-retention.py",
    "volume-damaged": "integ/74-scrub.py", "below-minimum": "integ/72-retention.py", "no-storage": "integ/72-retention.py",
    "test-busy": "integ/68-camera-test.py", "test-timeout": "check/68-camera-test-long.py",
    "grant-refused": "unit/trust/test_capability.c", "grant-expired": "unit/trust/test_capability.c",
    "not-granted": "unit/trust/test_capability.c", "grant-not-logged": "integ/86-grants.py",
    "overload": "check/73-too-many-cameras.py", "clock-not-synchronized": "unit/recorder/test_parent_clock.c",
    "clock-stepped": "integ/98-retention-clock.py",
    "other-site": "integ/83-enroll.py", "code-refused": "integ/83-enroll.py", "bad-enrolment": "integ/83-enroll.py",
    "already-enrolled": "integ/83-enroll.py",
    "not-signed-in": "integ/95-sessions.py", "wrong-sign-in": "integ/95-people.py", "too-many-tries": "integ/95-people.py",
    "sign-in-busy": "unit/manager/test_hash_queue.c", "not-allowed": "integ/95-people.py", "weak-password": "integ/95-people.py",
    "last-administrator": "unit/manager/test_people.c", "setup-done": "integ/95-people.py", "setup-code": "integ/95-people.py",
    "setup-not-here": "integ/95-people.py",
    "other-manager": "integ/97-manager-history.py",
    "web-certificate": "unit/trust/test_web_identity.c", "web-name": "integ/96-web-certificate.py",
    "transcoders": "integ/62-transcoder.py", "transcoder-failed": "integ/62-transcoder.py", "nothing-recorded": "integ/62-transcoder-recorded.py",
    # Of links between nodes.
    "wrong-role": "integ/80-role-tls.py", "certificate-refused": "integ/80-role-tls.py",
}


CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"


class Bench:
    """What triggers share: a CA that is trusted, a good certificate, a look at a camera, and a site that records."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = Authority.new(folder, "ca")
        self.good = self.ca.issue("camera")
        self.password = password_file(folder)
        self.nowhere = folder / "no-state"
        self.site = None

    def look(self, url, *options, seconds=2):
        p = custos("camera", "test", url, "--roots", self.ca.cert, "--seconds", seconds, "--state", self.nowhere,
                   "--json", *options, ok=None)
        try:
            return json.loads(p.stdout)
        except ValueError:
            raise Failure(f"custos camera test printed no JSON ({p.returncode}): {p.stdout[-300:]}{p.stderr[-1500:]}") from None

    def who(self):
        return "--user", "operator", "--password-file", self.password

    def meet(self, script=None, *options, certificate=None, url=None, seconds=2, **camera):
        """A look at a scripted camera."""
        with ScriptedCamera(certificate or self.good, script, **camera) as c:
            return self.look(url(c) if url else c.url(), *options, seconds=seconds)

    def watch(self, name, url, fault, *options, alarm=False):
        """A camera of the site, until its status names the fault (as an alarm)."""
        self.site.add(name, url, None, None, *options)
        return self.told(name, fault, alarm)

    def told(self, name, fault, alarm=False, seconds=40):
        # The walk kills the connector meanwhile, which other cameras may tell of too: this fault is waited for.
        def said():
            state = self.site.stream(f"{name}-main")
            found = (state.get("alarm") or {}) if alarm else state
            return found if found.get("fault") == fault else None
        found = wait_for(said, seconds, lambda: f"{name} names a fault: {self.site.stream(name + '-main')}", 0.05)
        return {"fault": found["fault"], "meaning": found.get("text"), "remedy": found["remedy"],
                "text": found.get("text") or found["error"], "good": False}

    def of_site(self, name):
        return self.site.camera_certificate(name)

    def certificate(self, name, *extensions, key=None, eku="serverAuth", serial=None):
        """A leaf with faults, by openssl x509."""
        base = self.folder / name
        key = key or make_key(base.with_suffix(".key"))
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", base.with_suffix(".csr"))
        lines = ["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                 f"extendedKeyUsage={eku}", *extensions]
        base.with_suffix(".ext").write_text("\n".join(lines) + "\n")
        run("openssl", "x509", "-req", "-in", base.with_suffix(".csr"), "-CA", self.ca.cert, "-CAkey", self.ca.key, "-set_serial",
            serial or time.monotonic_ns(), "-days", "2", "-extfile", base.with_suffix(".ext"), "-out", base.with_suffix(".pem"))
        return base.with_suffix(".pem"), key


@contextlib.contextmanager
def listener(serve):
    """A TCP port where serve(client) is run for each connection."""
    s = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            try:
                client, _ = s.accept()
            except OSError:
                return
            try:
                serve(client)
            except OSError:
                pass
            finally:
                client.close()
    threading.Thread(target=loop, daemon=True).start()
    try:
        yield s.getsockname()[1]
    finally:
        s.shutdown(socket.SHUT_RDWR)  # closing alone leaves the thread in accept
        s.close()


def server_context(certificate, **changes):
    warnings.simplefilter("ignore", DeprecationWarning)  # of the old versions that are asked for here
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(changes.pop("ciphers", "ALL:@SECLEVEL=0"))
    context.load_cert_chain(*map(str, certificate))
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def answer(status, *headers, body=""):
    return lambda session, request: session.answer(request, status, headers, body)


class Triggers:
    """One for each row, in the table's order."""

    # connection

    def name_not_found(self, b):
        return b.look("rtsps://no-such-camera.invalid/main")

    def connection_refused(self, b):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))  # bound, not listening
            return b.look(f"rtsps://127.0.0.1:{s.getsockname()[1]}/main")

    def no_connection(self, b):
        return b.look("rtsps://255.255.255.255/main")

    def connection_timeout(self, b):
        with Unanswered() as port:
            return b.look(f"rtsps://127.0.0.1:{port}/main")

    # TLS

    def not_tls(self, b):
        with listener(lambda c: (c.recv(4096), c.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n"), c.recv(4096))) as port:
            return b.look(f"rtsps://127.0.0.1:{port}/main")

    def tls_version(self, b):
        old = server_context(b.good, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
        return b.meet(context=old)

    def no_cipher(self, b):
        weak = server_context(b.good, ciphers="ECDHE-ECDSA-AES128-SHA256", maximum_version=ssl.TLSVersion.TLSv1_2)
        return b.meet(context=weak)

    def self_signed(self, b):
        return b.meet(certificate=self_signed(b.folder, "self"))

    def unknown_issuer(self, b):
        return b.meet(certificate=Authority.new(b.folder, "other").issue("camera"))

    def expired(self, b):
        return b.meet(certificate=b.ca.issue("old", expired=True))

    def not_yet_valid(self, b):
        # As seen by a machine whose clock is a year behind.
        ENV["CUSTOS_CLOCK_OFFSET_S"] = "-31536000"
        try:
            return b.meet()
        finally:
            del ENV["CUSTOS_CLOCK_OFFSET_S"]

    def wrong_name(self, b):
        return b.meet(certificate=b.ca.issue("elsewhere", san="DNS:elsewhere.example"))

    def wrong_purpose(self, b):
        return b.meet(certificate=b.certificate("purpose", eku="clientAuth"))

    def weak_key(self, b):
        key = b.folder / "weak.rsa"
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", key)
        return b.meet(context=server_context(b.certificate("weak", key=key)))

    def pin_mismatch(self, b):
        return b.meet(None, "--pin", "00" * 32)

    def bad_signature(self, b):
        chain, key = b.ca.issue("forged")
        der = bytearray(ssl.PEM_cert_to_DER_cert(chain.read_text()))
        der[-1] ^= 1
        chain.write_text(ssl.DER_cert_to_PEM_cert(bytes(der)))
        return b.meet(certificate=(chain, key))

    def malformed_certificate(self, b):
        return b.meet(certificate=b.certificate("serial", serial="0x" + "7f" * 21))

    def protocol(self, b):
        with listener(lambda c: (c.recv(4096), c.sendall(b"\x15\x03\x03\x00\x02\x02\x50"), c.recv(4096))) as port:
            return b.look(f"rtsps://127.0.0.1:{port}/main")

    # policy

    def wrong_scheme(self, b):
        return b.look("rtsp://127.0.0.1/main")

    def redirect(self, b):
        return b.meet({"DESCRIBE": answer("302 Moved", "Location: rtsps://192.0.2.1/")})

    def other_place(self, b):
        return b.meet(description=sdp(controls=["rtsps://192.0.2.1/track1"]))

    def media_outside_tls(self, b):
        return b.meet({"SETUP": answer("200 OK", "Session: 1", "Transport: RTP/AVP;unicast;client_port=5000-5001")})

    def tunnel_keys(self, b):
        contexts = [server_context(b.good), server_context(b.ca.issue("second"))]

        def accept(session):
            session.camera.context = contexts[min(session.camera.connections - 1, 1)]
        script = {"accept": accept, "GET": "HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n"}
        return b.meet(script, context=contexts[0], url=lambda c: f"https://127.0.0.1:{c.port}/main")

    def srtp_keys_in_clear(self, b):
        with ScriptedCamera(None, description=sdp(profile="RTP/SAVP", extra=CRYPTO + "x\r\n")) as c:
            return b.look(c.url(), "--transport", "plain")

    # authentication

    def no_credentials(self, b):
        return b.meet(auth=True)

    def wrong_password(self, b):
        other = password_file(b.folder, "another")
        return b.meet(None, "--user", "operator", "--password-file", other, auth=True)

    def weaker_authentication(self, b):
        return b.meet({"DESCRIBE": lambda s, r: s.answer(r, "401 Unauthorized", [BASIC if r.authorization else SHA256])}, *b.who())

    def basic_only(self, b):
        with ScriptedCamera(None, {"DESCRIBE": answer("401 Unauthorized", BASIC)}) as c:
            return b.look(c.url(), "--transport", "plain", *b.who())

    def unknown_authentication(self, b):
        return b.meet({"DESCRIBE": answer("401 Unauthorized", 'WWW-Authenticate: Bearer realm="x"')}, *b.who())

    def forbidden(self, b):
        return b.meet({"DESCRIBE": answer("403 Forbidden")})

    # RTSP and HTTP

    def connection_closed(self, b):
        def close(session, request):
            session.closed = True
        return b.meet({"DESCRIBE": close})

    def no_answer(self, b):
        return b.meet({"DESCRIBE": lambda s, r: None})

    def does_not_read(self, b):
        def flood(session):
            ask = b"".join(b"OPTIONS * RTSP/1.0\r\nCSeq: %d\r\n\r\n" % i for i in range(4000))
            while True:
                session.send(ask)
                session.unit(access_units()[0])

        def accept(session):
            session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return b.meet({"accept": accept, "media": flood}, seconds=30)

    def too_much_data(self, b):
        def pour(session, request):
            while True:
                session.send(b"$\x00\xff\xff" + bytes(65535))
        return b.meet({"DESCRIBE": pour})

    def bad_answer(self, b):
        return b.meet({"SETUP": answer("200 OK")})  # without a session

    def request_refused(self, b):
        return b.meet({"DESCRIBE": answer("406 Not Acceptable")})

    def no_such_stream(self, b):
        return b.meet({"DESCRIBE": answer("404 Not Found")})

    def camera_busy(self, b):
        return b.meet({"SETUP": answer("453 Not Enough Bandwidth")})

    def session_ended(self, b):
        def short(session, request):
            session.answer(request, headers=["Session: 1;timeout=1", f"Transport: {request.headers['transport']}"])
        return b.meet({"SETUP": short, "GET_PARAMETER": answer("454 Session Not Found")})

    def no_tunnel(self, b):
        return b.meet({"GET": "HTTP/1.0 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"}, url=lambda c: f"https://127.0.0.1:{c.port}/main")

    # description and tracks

    def bad_description(self, b):
        return b.meet(description="<html>hello</html>")

    def nothing_to_record(self, b):
        return b.meet(description="v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n")

    def setup_refused(self, b):
        return b.meet({"SETUP": answer("461 Unsupported Transport")})

    def srtp_keys(self, b):
        return b.meet(description=sdp(profile="RTP/SAVP").replace("a=control:track1", CRYPTO + "short\r\na=control:track1"))

    def srtp_refused(self, b):
        return b.meet({"SETUP": answer("463 Key Management Failure")}, description=sdp(profile="RTP/SAVP"))

    # media

    def srtp_unauthenticated(self, b):
        keys = base64.b64encode(bytes(30)).decode()
        return b.meet(description=sdp(profile="RTP/SAVP").replace("a=control:track1", CRYPTO + keys + "\r\na=control:track1"))

    def not_a_picture(self, b):
        page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        return b.meet({"GET": page}, "--carrier", "mjpeg", url=lambda c: f"https://127.0.0.1:{c.port}/video.mjpg")

    def no_picture(self, b):
        return b.meet({"media": lambda s: s.camera.sleep(10)})

    def no_key_frame(self, b):
        slices = [u for u in access_units() if not is_key(u)]
        return b.meet({"media": lambda s: Session.play(s, slices)})

    def track_ended(self, b):
        def bye(session):
            session.unit(access_units()[0])
            session.frame(1, struct.pack(">BBHI", 0x81, 203, 1, session.ssrc))
            session.camera.sleep(10)
        return b.meet({"media": bye})


class AtSite:
    """What takes a recorder: its policy, its memory of cameras, its ports and processes."""

    def address_not_allowed(self, b):
        return b.watch("multicast", "rtsps://224.0.0.1/main", "address-not-allowed")

    def no_udp_ports(self, b):
        with ScriptedCamera(None) as c:
            return b.watch("ports", c.url(), "no-udp-ports", "--transport", "plain", "--carrier", "udp")

    def connector_gone(self, b):
        with Unanswered() as port:
            b.site.add("pending", f"rtsps://127.0.0.1:{port}/main")
            time.sleep(0.5)
            kill(b.site.pids()["connector"])
            return b.told("pending", "connector-gone")

    def revoked(self, b):
        key, csr, chain = make_key(b.folder / "revoked.key"), b.folder / "revoked.csr", b.folder / "revoked.pem"
        with ScriptedCamera(b.good) as c:
            b.site.add("revoked", "rtsps://127.0.0.1:1/main")
            run("openssl", "req", "-new", "-key", key, "-subj", "/CN=revoked", "-out", csr)
            chain.write_text(b.site.cli("camera", "certificate", "revoked", "--csr", csr).stdout)
            c.context = server_context((chain, key))
            b.site.cli("camera", "set", "revoked", "--url", c.url())
            b.site.wait_recording("revoked-main", seconds=30)
            b.site.cli("camera", "revoke", "revoked")
            b.told("revoked", "revoked")
            # A look by the site's roots knows what the site took back.
            return json.loads(b.site.cli("camera", "test", c.url(), "--seconds", "2", "--json", ok=1).stdout)

    def downgrade(self, b):
        with ScriptedCamera(b.of_site("down")) as c, ScriptedCamera(None, host="127.0.0.2") as open_one:
            b.site.add("down", open_one.url(), None, None, "--stream", "sub", "--transport", "plain")
            b.site.add("down", c.url())
            b.site.wait_recording("down-main", seconds=30)
            state = b.site.wait_refused("down-sub", 20, "downgrade")
            return {"fault": state["fault"], "meaning": None, "remedy": state["remedy"], "text": state["error"], "good": False}

    def duplicate_key(self, b):
        certificate = b.site.camera_certificate("twin", "IP:127.0.0.1,IP:127.0.0.2")
        with ScriptedCamera(certificate) as one, ScriptedCamera(certificate, host="127.0.0.2") as two:
            b.site.add("twin", one.url())
            b.site.wait_recording("twin-main", seconds=30)
            return b.watch("copy", two.url(), "duplicate-key")

    def repeated_footage(self, b):
        film = access_units()[:280]  # eleven seconds, round and round
        with ScriptedCamera(b.of_site("film"), {"media": lambda s: Session.play(s, film)}) as c:
            return b.watch("film", c.url(), "repeated-footage", alarm=True)

    def time_went_back(self, b):
        begin = time.time()

        def wall():
            now = time.time()
            return now if now < begin + 8 else now - 3600
        with ScriptedCamera(b.of_site("past"), {"media": lambda s: Session.play(s, wall=wall)}) as c:
            return b.watch("past", c.url(), "time-went-back", alarm=True)


class Unanswered:
    """A port whose queue is full: who connects hears nothing."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.full = [socket.socket() for _ in range(8)]
        for c in self.full:
            c.setblocking(False)
            c.connect_ex(self.listener.getsockname())
        return self.listener.getsockname()[1]

    def __exit__(self, *_):
        for s in (*self.full, self.listener):
            s.close()


def judge(bench, row, trigger):
    """What is wrong with this row, or None."""
    try:
        found = trigger(bench)
    except Failure as why:
        return f"{row['fault']}: {why}"
    # Status says the particulars of a fault, and its meaning of an alarm.
    meaning = row["text"] if "meaning" in found and found["meaning"] is None else found.get("meaning")
    shown = {"fault": found.get("fault"), "text": meaning, "remedy": found.get("remedy")}
    if shown != row:
        return f"{row['fault']}: shown was {shown}: {found.get('text') or found.get('error')}"
    if found["good"] or not found["text"]:
        return f"{row['fault']}: no particulars, or called good: {found['text']}"
    return None


def test_each_row(folder):
    rows = {r["fault"]: r for r in json.loads(custos("errors", "--json").stdout)}
    triggers = {n.replace("_", "-"): getattr(c(), n) for c in (Triggers, AtSite) for n in vars(c) if not n.startswith("_")}
    only = os.environ.get("FAULTS", "").split()
    tests = Path(__file__).resolve().parents[1]
    for name, script in ELSEWHERE.items():
        text = (tests / script).read_text()
        check(name in text or "FAULT_" + name.upper().replace("-", "_") in text, f"{script} does not look for {name}")
    missing = sorted(set(rows) - set(triggers) - set(ELSEWHERE))
    check(not set(triggers) - set(rows), f"triggers without a row: {sorted(set(triggers) - set(rows))}")
    bench = Bench(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1] & ~1
        config = ("[recorder]\nbackoff_max_ms = 1000\nidle_timeout_ms = 3000\nconnect_timeout_ms = 20000\n"
                  f"udp_port_first = {port}\nudp_port_last = {port + 1}\n")
        with Site(folder, config=config) as bench.site:
            walk(bench, rows, triggers, only)
    check(only or not missing, f"rows without a trigger: {missing}")


def walk(bench, rows, triggers, only):
    # An offset clock is the whole process's, so this one goes first and alone.
    alone = ["not-yet-valid"]
    faults = [judge(bench, rows[n], triggers[n]) for n in alone if not only or n in only]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        names = [n for n in rows if n in triggers and n not in alone and (not only or n in only)]
        faults += pool.map(lambda n: judge(bench, rows[n], triggers[n]), names)
    faults = [f for f in faults if f]
    check(not faults, "\n".join(["shown otherwise than the table says:", *faults]))
    print(f"  {len(names) + len(alone)} faults caused, each shown with its name, meaning and remedy")


if __name__ == "__main__":
    main(globals())
