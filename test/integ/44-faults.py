#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk over the table of faults: each row of `custos errors` is caused by a real peer, and what a person is then shown
is the row's name, meaning and remedy. A row without a trigger here fails, and so does a trigger without a row.

A trigger is a function of its row's name (with _ for -); it returns what `custos camera test --json` printed.
"""
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
from custos_site import ENV, Authority, Failure, check, custos, make_key, main, password_file, run, self_signed  # noqa: E402
from scripted_camera import ScriptedCamera, Session, access_units, is_key, sdp  # noqa: E402

SHA256 = 'WWW-Authenticate: Digest realm="x", nonce="0123", algorithm=SHA-256, qop="auth"'
BASIC = 'WWW-Authenticate: Basic realm="x"'
# Rows of parts that are not in this tree yet; to be empty.
TO_COME = {"revoked", "not-a-picture"}
AT_ONCE = 8  # looks at the same time; most of them wait


class Bench:
    """What triggers share: a CA that is trusted, a good certificate, and a look at a camera."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = Authority.new(folder, "ca")
        self.good = self.ca.issue("camera")
        self.password = password_file(folder)
        self.nowhere = folder / "no-state"

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

    def certificate(self, name, *extensions, key=None, eku="serverAuth"):
        """A leaf with faults, by openssl x509."""
        base = self.folder / name
        key = key or make_key(base.with_suffix(".key"))
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", base.with_suffix(".csr"))
        lines = ["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                 f"extendedKeyUsage={eku}", *extensions]
        base.with_suffix(".ext").write_text("\n".join(lines) + "\n")
        run("openssl", "x509", "-req", "-in", base.with_suffix(".csr"), "-CA", self.ca.cert, "-CAkey", self.ca.key, "-set_serial",
            time.monotonic_ns(), "-days", "2", "-extfile", base.with_suffix(".ext"), "-out", base.with_suffix(".pem"))
        return base.with_suffix(".pem"), key


def listener(serve):
    """A TCP port where serve(client) is run for each connection; (socket, port)."""
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
    return s, s.getsockname()[1]


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
        with socket.create_server(("127.0.0.1", 0), backlog=0) as s:
            full = [socket.socket() for _ in range(8)]
            for c in full:  # a full queue answers no more
                c.setblocking(False)
                c.connect_ex(s.getsockname())
            result = b.look(f"rtsps://127.0.0.1:{s.getsockname()[1]}/main")
            for c in full:
                c.close()
            return result

    # TLS

    def not_tls(self, b):
        s, port = listener(lambda c: (c.recv(4096), c.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n"), c.recv(4096)))
        with s:
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

    def protocol(self, b):
        s, port = listener(lambda c: (c.recv(4096), c.sendall(b"\x15\x03\x03\x00\x02\x02\x50"), c.recv(4096)))
        with s:
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

    # media

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


def judge(bench, row, trigger):
    """What is wrong with this row, or None."""
    try:
        found = trigger(bench)
    except Failure as why:
        return f"{row['fault']}: {why}"
    shown = {"fault": found.get("fault"), "text": found.get("meaning"), "remedy": found.get("remedy")}
    if shown != row:
        return f"{row['fault']}: shown was {shown}: {found.get('text') or found.get('error')}"
    if found["good"] or not found["text"]:
        return f"{row['fault']}: no particulars, or called good: {found['text']}"
    return None


def test_each_row(folder):
    rows = {r["fault"]: r for r in json.loads(custos("errors", "--json").stdout)}
    triggers = {n.replace("_", "-"): getattr(Triggers(), n) for n in vars(Triggers) if not n.startswith("_")}
    only = os.environ.get("FAULTS", "").split()
    missing = sorted(set(rows) - set(triggers) - TO_COME)
    check(not set(triggers) - set(rows), f"triggers without a row: {sorted(set(triggers) - set(rows))}")
    bench = Bench(folder)
    # An offset clock is the whole process's, so this one goes first and alone.
    alone = ["not-yet-valid"]
    faults = [judge(bench, rows[n], triggers[n]) for n in alone if not only or n in only]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        names = [n for n in rows if n in triggers and n not in alone and (not only or n in only)]
        faults += pool.map(lambda n: judge(bench, rows[n], triggers[n]), names)
    faults = [f for f in faults if f]
    check(not faults, "\n".join(["shown otherwise than the table says:", *faults]))
    check(only or not missing, f"rows without a trigger: {missing}")
    print(f"  {len(names) + len(alone)} faults caused, each shown with its name, meaning and remedy")


if __name__ == "__main__":
    main(globals())
