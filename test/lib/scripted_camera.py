# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that says what a test tells it to: RTSP over TLS or in the clear, an answer for each method that can be replaced by
other bytes or by code, pictures of a real encoder in interleaved frames, and a record of every byte that came in.

    camera = ScriptedCamera(certificate, {"PLAY": lambda s, r: s.answer(r, "454 Session Not Found")})
    with camera: ...; camera.heard, camera.requests, camera.connections

A script is {method: answer}; "*" stands for methods that it does not name. An answer is one of
  bytes or str   sent as it is, "{cseq}" replaced by the request's number
  callable       called with (session, request); it sends what it likes. What it returns is such an answer again, or None
  None           the answer of a camera that works
Also in a script: "accept" (session), called before TLS; "ready" (session), after the handshake. Both may return False, which ends
the connection. What follows an accepted PLAY is session.play(), in the session's thread; a test may replace it by script["media"].

Sessions run in threads of their own, so a slow answer to one client keeps no other waiting. Where the client hangs up in the
midst of it, the session ends quietly: `camera.errors` has what else went wrong.
"""
import base64
import hashlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
from functools import lru_cache

from custos_site import CARS, PASSWORD, USER, check

FU_BYTES = 1200
NTP_OFFSET = 2208988800


# ---- pictures ----

@lru_cache
def access_units(clip=CARS):
    """[[NAL unit, ...], ...] of the clip's H.264 with its parameter sets in front of each key frame, in decoding order."""
    p = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(clip), "-map", "0:v", "-c", "copy", "-bsf:v",
                        "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264", "-"], capture_output=True, check=True)
    units = []
    for nal in re.split(rb"\x00\x00\x00?\x01", p.stdout)[1:]:
        if nal[0] & 31 == 9:  # the access unit delimiter, which we asked for, begins each
            units.append([])
        else:
            units[-1].append(nal)
    check(units and is_key(units[0]), f"{clip} begins with a key frame")
    return units


def is_key(unit):
    return any(nal[0] & 31 == 5 for nal in unit)


def payloads(nal, most=FU_BYTES):
    """RFC 6184: the NAL unit itself, or FU-A fragments."""
    if len(nal) <= most:
        return [nal]
    indicator, kind, rest = nal[0] & 0xE0 | 28, nal[0] & 31, nal[1:]
    parts = [rest[i:i + most] for i in range(0, len(rest), most)]
    return [bytes([indicator, kind | 0x80 * (i == 0) | 0x40 * (i == len(parts) - 1)]) + part for i, part in enumerate(parts)]


def sdp(clip=CARS, controls=("track1",), profile="RTP/AVP", extra="", aggregate="*"):
    """One H.264 medium for each control; the first's parameter sets in all."""
    sets = {nal[0] & 31: nal for nal in access_units(clip)[0] if nal[0] & 31 in (7, 8)}
    props = ",".join(base64.b64encode(sets[kind]).decode() for kind in (7, 8))
    text = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=scripted\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:{aggregate}\r\n{extra}"
    for control in controls:
        text += (f"m=video 0 {profile} 96\r\na=rtpmap:96 H264/90000\r\n"
                 f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={props}\r\na=control:{control}\r\n")
    return text


# ---- requests and sessions ----

class Request:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.method, self.url, self.version = (lines[0].split(" ") + ["", ""])[:3]
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        self.cseq = self.headers.get("cseq", "0")
        self.authorization = self.headers.get("authorization", "")

    def __repr__(self):
        return f"<{self.method} {self.url} {self.authorization[:40]}>"


class Session:
    """One client. Everything that a script may want to say is a method."""

    def __init__(self, camera, client):
        self.camera, self.socket, self.input, self.id = camera, client, b"", "12345678"
        self.heard, self.requests, self.playing, self.closed = b"", [], False, False
        self.sequence, self.timestamp, self.ssrc, self.frames = {}, 0, 0x51C0FFEE, 0

    # saying

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def slowly(self, data, seconds):
        """A byte at a time."""
        for byte in data.encode("latin-1") if isinstance(data, str) else data:
            self.send(bytes([byte]))
            self.camera.sleep(seconds)

    def text(self, request, status="200 OK", headers=(), body=""):
        lines = [f"RTSP/1.0 {status}", f"CSeq: {request.cseq}", *headers]
        if body:
            lines += [f"Content-Length: {len(body)}"]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def answer(self, request, status="200 OK", headers=(), body=""):
        self.send(self.text(request, status, headers, body))

    def frame(self, channel, data):
        self.send(b"$" + struct.pack(">BH", channel, len(data)) + data)

    # what a camera that works says

    def standard(self, request):
        if self.camera.auth and request.method != "OPTIONS" and not self.authorized(request):
            return
        if request.method == "OPTIONS":
            self.answer(request, headers=["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"])
        elif request.method == "DESCRIBE":
            self.answer(request, headers=["Content-Type: application/sdp", f"Content-Base: {request.url}/"], body=self.camera.sdp)
        elif request.method == "SETUP":
            self.answer(request, headers=[f"Transport: {request.headers.get('transport', '')}", f"Session: {self.id};timeout=60"])
        elif request.method == "PLAY":
            self.answer(request, headers=[f"Session: {self.id}"])
            self.playing = True
        elif request.method in ("GET_PARAMETER", "SET_PARAMETER", "PAUSE"):
            self.answer(request, headers=[f"Session: {self.id}"])
        elif request.method == "TEARDOWN":
            self.answer(request, headers=[f"Session: {self.id}"])
            self.closed = True
        else:
            self.answer(request, "501 Not Implemented")

    def authorized(self, request):
        """Asks for Digest (SHA-256) and checks the answer as RFC 7616 has it."""
        nonce = "5ca1ab1e5ca1ab1e5ca1ab1e"
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', request.authorization))

        def h(text):
            return hashlib.sha256(text.encode()).hexdigest()
        want = h(f"{h(f'{USER}:scripted:{PASSWORD}')}:{nonce}:{said.get('nc')}:{said.get('cnonce')}:auth:"
                 f"{h(request.method + ':' + said.get('uri', ''))}")
        if request.authorization.startswith("Digest ") and said.get("response") == want:
            return True
        self.answer(request, "401 Unauthorized",
                    [f'WWW-Authenticate: Digest realm="scripted", nonce="{nonce}", algorithm=SHA-256, qop="auth"'])
        return False

    # media

    def rtp(self, payload, timestamp, marker, channel=0, payload_type=96):
        sequence = self.sequence[channel] = self.sequence.get(channel, 999) + 1
        self.frame(channel, struct.pack(">BBHII", 0x80, payload_type | 0x80 * marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF,
                                        self.ssrc) + payload)

    def sender_report(self, wall_s, timestamp, channel=1):
        ntp = int((wall_s + NTP_OFFSET) * (1 << 32))
        self.frame(channel, struct.pack(">BBHIQIII", 0x80, 200, 6, self.ssrc, ntp & (1 << 64) - 1, timestamp & 0xFFFFFFFF, 0, 0))

    def unit(self, nals, channel=0):
        """One access unit, and the clock goes on by a picture."""
        parts = [p for nal in nals for p in payloads(nal)]
        for i, part in enumerate(parts):
            self.rtp(part, self.timestamp, i == len(parts) - 1, channel)
        self.timestamp += 90000 // self.camera.fps
        self.frames += 1

    def play(self, units=None, reports=True, wall=time.time):
        """Pictures at the camera's rate, round and round, answering requests meanwhile; ends with the connection."""
        units = units or access_units(self.camera.clip)
        begin = time.monotonic()
        while not self.closed and not self.camera.done:
            if reports and self.frames % self.camera.fps == 0:
                self.sender_report(wall(), self.timestamp)
            self.unit(units[self.frames % len(units)])
            while True:
                wait = begin + self.frames / self.camera.fps - time.monotonic()
                if not self.listen(max(wait, 0)):
                    break

    # the connection

    def listen(self, seconds):
        """Waits so long for input and answers what came; false when nothing did."""
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            seconds = 0
        self.socket.settimeout(seconds or 0.0001)
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(self.camera.patience)
        if not data:
            self.closed = True
            return False
        self.heard += data
        with self.camera.lock:
            self.camera.heard += data
        self.input += data
        while not self.closed and (request := self.next_request()):
            self.react(request)
        return True

    def next_request(self):
        """The next whole request; interleaved frames (receiver reports) are skipped."""
        while self.input[:1] == b"$" and len(self.input) >= 4:
            size = 4 + struct.unpack(">H", self.input[2:4])[0]
            if len(self.input) < size:
                return None
            self.input = self.input[size:]
        head, found, rest = self.input.partition(b"\r\n\r\n")
        if not found or self.input[:1] == b"$":
            return None
        length = int((re.search(rb"(?i)\r\nContent-Length: *(\d+)", head) or [0, 0])[1])
        if len(rest) < length:
            return None
        self.input = rest[length:]
        return Request(head + b"\r\n\r\n" + rest[:length])

    def react(self, request):
        self.requests.append(request)
        with self.camera.lock:
            self.camera.requests.append(request)
        script = self.camera.script
        answer = script.get(request.method, script.get("*"))
        while callable(answer):
            answer = answer(self, request)
            if answer is None:
                return
        if answer is None:
            self.standard(request)
        else:
            text = answer.encode("latin-1") if isinstance(answer, str) else answer
            self.send(text.replace(b"{cseq}", request.cseq.encode()))

    def run(self):
        script = self.camera.script
        if script.get("accept") and script["accept"](self) is False:
            return
        if self.camera.context:
            self.socket = self.camera.context.wrap_socket(self.socket, server_side=True)
            self.camera.handshakes += 1
        if script.get("ready") and script["ready"](self) is False:
            return
        while not self.closed and not self.camera.done:
            self.listen(0.2)
            if self.playing:
                self.playing = False
                (script.get("media") or Session.play)(self)


class ScriptedCamera:
    """Listens from its making; used as a block, or ended by stop(). certificate: (chain, key), None: in the clear."""

    def __init__(self, certificate=None, script=None, host="127.0.0.1", port=0, clip=CARS, fps=25, auth=False, context=None,
                 description=None):
        self.script, self.clip, self.fps, self.auth, self.context = dict(script or {}), clip, fps, auth, context
        self.sdp = description or sdp(clip)
        if certificate and not context:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*map(str, certificate))
        self.lock, self.patience = threading.Lock(), 20
        self.heard, self.requests, self.sessions, self.errors = b"", [], [], []
        self.connections = self.handshakes = 0
        self.done = False
        self.threads = []
        self.socket = socket.create_server((host, port))
        self.host, self.port = host, self.socket.getsockname()[1]
        self.acceptor = threading.Thread(target=self.serve, daemon=True)
        self.acceptor.start()

    def url(self, path="main", host=None):
        return f"{'rtsps' if self.context else 'rtsp'}://{host or self.host}:{self.port}/{path}"

    def methods(self):
        return [r.method for r in self.requests]

    def sleep(self, seconds):
        """So long, or until the camera is stopped."""
        until = time.monotonic() + seconds
        while not self.done and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def serve(self):
        while not self.done:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            client.settimeout(self.patience)
            session = Session(self, client)
            self.sessions.append(session)
            thread = threading.Thread(target=self.serve_one, args=(session,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve_one(self, session):
        try:
            session.run()
        except OSError as why:
            if not self.done and not isinstance(why, (ConnectionError, ssl.SSLError)):
                self.errors.append(repr(why))
        except Exception as why:  # a script's own mistake must be seen by the test
            self.errors.append(repr(why))
        finally:
            session.socket.close()

    def stop(self):
        self.done = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for session in self.sessions:
            try:
                socket.socket.shutdown(session.socket, socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in (self.acceptor, *self.threads):
            thread.join(timeout=5)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None:
            check(not self.errors, f"the scripted camera failed: {self.errors[:3]}")
