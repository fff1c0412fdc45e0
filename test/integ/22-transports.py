#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way by which a camera's media reach the worker, against GStreamer's rtsp-server and a camera of a few lines here:
the tunnel in HTTPS and in HTTP, RTSP in the clear, UDP in order and out of order, tls-if-available, pictures over HTTP. What
comes out is bit for bit what went in; and what must not be talked to in the clear is not.
"""
import hashlib
import random
import socket
import ssl
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from ingest_peers import (CARS, DESK, SENTINEL, STEP_CARS, UNITS, Camera, check, compare_audio, compare_video, make_ca, make_leaf,  # noqa: E402
                          need_gstreamer, probe, run)

TRACKS = "tracks=h264:768x432,aac:48000"
SECURE, OPEN = f"start protection=3 version=0304 {TRACKS}", f"start protection=0 version=0000 {TRACKS}"
PICTURES = 60


# ---- a camera that sends by UDP what it likes, in the order that it likes ----

def nal_units(clip):
    """The clip's NAL units in their order, parameter sets in-band."""
    stream = run("ffmpeg", "-v", "error", "-i", clip, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb",
                 "-f", "h264", "-").stdout
    parts = stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [p for p in parts if p]


def pictures_of(nals):
    """Grouped by picture: a slice whose first macroblock is 0 begins one (RFC 6184; ISO/IEC 14496-10 section 7.3.3)."""
    pictures, waiting = [], []
    for nal in nals:
        if nal[0] & 31 in (1, 5):
            if nal[1] & 0x80 or not pictures:
                pictures.append(waiting)
                waiting = []
            pictures[-1].append(nal)
        else:
            waiting.append(nal)
    return pictures


def rtp_packets(pictures):
    """RFC 6184: single NAL units, and FU-A above 1200 bytes."""
    packets, sequence = [], 65500  # it wraps
    for number, picture in enumerate(pictures):
        payloads = []
        for nal in picture:
            if len(nal) <= 1200:
                payloads.append(nal)
                continue
            body = nal[1:]
            pieces = [body[i:i + 1200] for i in range(0, len(body), 1200)]
            for i, piece in enumerate(pieces):
                ends = (0x80 if i == 0 else 0) | (0x40 if i == len(pieces) - 1 else 0)
                payloads.append(bytes([nal[0] & 0xe0 | 28, ends | nal[0] & 31]) + piece)
        for i, payload in enumerate(payloads):
            head = bytes([0x80, 96 | (0x80 if i == len(payloads) - 1 else 0)])
            head += (sequence & 0xffff).to_bytes(2, "big") + (number * STEP_CARS).to_bytes(4, "big") + b"\x11\x22\x33\x44"
            packets.append(head + payload)
            sequence += 1
    return packets


def shuffled(packets, rng):
    """Within windows of eight, the first packet first; every tenth twice."""
    result = packets[:1]
    for at in range(1, len(packets), 8):
        window = packets[at:at + 8]
        window += [p for p in window if rng.random() < 0.1]
        rng.shuffle(window)
        result += window
    return result


class UdpCamera:
    """Answers RTSP as it must be, then sends its packets, with a stranger's among them."""

    def __init__(self, packets, strange=(), transport=""):
        self.packets, self.strange, self.transport = packets, strange, transport
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self.listener.getsockname()[1]}/main"
        self.requests = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        text, port = "", 0
        with connection:
            while not self.over.is_set():
                while "\r\n\r\n" not in text:
                    more = connection.recv(4096)
                    if not more:
                        return
                    text += more.decode()
                head, text = text.split("\r\n\r\n", 1)
                self.requests.append(head)
                lines = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
                answer, body = f"RTSP/1.0 200 OK\r\nCSeq: {lines['CSeq']}\r\nSession: 1\r\n", ""
                if head.startswith("DESCRIBE"):
                    body = "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n"
                    answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                if head.startswith("SETUP"):
                    port = int(lines["Transport"].split("client_port=")[1].split("-")[0])
                    answer += f"Transport: {lines['Transport']};server_port=6000-6001{self.transport}\r\n"
                connection.sendall((answer + "\r\n" + body).encode())
                if head.startswith("PLAY"):
                    threading.Thread(target=self.send, args=(port,), daemon=True).start()

    def send(self, port):
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("127.0.0.2", 0))
        strange = list(self.strange)
        for i, packet in enumerate(self.packets):
            if strange:
                other.sendto(strange.pop(0), ("127.0.0.1", port))
            own.sendto(packet, ("127.0.0.1", port))
            if i % 20 == 19:
                self.over.wait(0.004)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.listener.close()


def test_udp_out_of_order(folder, ca):
    pictures = pictures_of(nal_units(CARS))[:PICTURES + 20]
    packets = rtp_packets(pictures)
    rng = random.Random(5)
    expected = [[hashlib.sha256(n).hexdigest() for n in p] for p in pictures]
    disorder = shuffled(packets, rng)
    check(sum(a != b for a, b in zip(disorder, packets)) > len(packets) // 2, f"{len(packets)} packets are well shuffled")
    for paced in ([], ["paced"]):
        # The stranger sends other pictures under the same numbers: they must not get in.
        strange = [p[:13] + bytes(b ^ 0x55 for b in p[13:]) for p in packets]
        with UdpCamera(disorder, strange) as camera:
            code, lines, _ = probe(folder, camera.url, ca, "plain", "udp", *paced, units=PICTURES)
            got = [line.split()[6].split(",") for line in lines if line.startswith("unit 0 ")]
            lost = [line for line in lines if line.startswith("unit 0 ") and line.split()[4] != "-"]
            what = f"UDP out of order{', paced' if paced else ''}"
            check(code == 0 and len(got) >= PICTURES and got == expected[:len(got)], f"{what}: all {len(got)} pictures as sent, in their order")
            check(not lost, f"{what}: nothing counts as lost, and nothing of another address got in")
    with UdpCamera(packets[:40] + packets[41:]) as camera:
        code, lines, _ = probe(folder, camera.url, ca, "plain", "udp", units=PICTURES)
        lost = [line for line in lines if line.startswith("unit 0 ") and line.split()[4] == "lost"]
        check(code == 0 and len(lost) == 1, "UDP: one packet that never came is told once, and the rest goes on")
    for words, transport in ((("udp",), ";source=127.0.0.9"), (("udp",), ";multicast")):
        with UdpCamera(packets, transport=transport) as camera:
            code, lines, _ = probe(folder, camera.url, ca, "plain", *words, units=PICTURES)
            check(code == 2 and lines[-1].startswith("lost other-place "), f"UDP: {transport[1:]}: {lines[-1]}")
            check(not any(r.startswith("PLAY") for r in camera.requests), f"UDP: {transport[1:]}: no PLAY was sent")


# ---- a camera that has pictures over HTTP only ----

def pictures_of_clip(clip, n):
    """n JPEG pictures, by ffmpeg."""
    stream = run("ffmpeg", "-v", "error", "-i", clip, "-frames:v", n, "-c:v", "mjpeg", "-f", "image2pipe", "-").stdout
    return [b"\xff\xd8" + part for part in stream.split(b"\xff\xd8")[1:]]


class HttpCamera:
    """Serves what `answer` says: a function of the request's head and its number, that gives the bytes, None to close."""

    def __init__(self, answer, cert=None):
        self.answer, self.requests = answer, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert)
        self.url = f"http{'s' if cert else ''}://127.0.0.1:{self.listener.getsockname()[1]}/pic?size=1"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            text = b""
            while True:
                while b"\r\n\r\n" not in text:
                    more = connection.recv(4096)
                    if not more:
                        return
                    text += more
                head, text = text.split(b"\r\n\r\n", 1)
                self.requests.append(head.decode())
                for piece in self.answer(head.decode(), len(self.requests)):
                    if piece is None:
                        return
                    connection.sendall(piece)
        except OSError:
            pass
        finally:
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # closing alone leaves a thread in accept
        self.listener.close()


def status(line, *headers, body=b""):
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


def mixed(pictures, lengths=True, chunked=False, boundary="myboundary"):
    def answer(_head, _number):
        yield (f"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={boundary}\r\n"
               f"{'Transfer-Encoding: chunked' if chunked else 'X: y'}\r\n\r\n").encode()
        for picture in pictures:
            length = f"Content-Length: {len(picture)}\r\n" if lengths else ""
            part = f"--myboundary\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + picture + b"\r\n"
            yield f"{len(part):x}\r\n".encode() + part + b"\r\n" if chunked else part
            time.sleep(0.02)
        yield None
    return answer


def snapshots(pictures, challenge=None, closes=False):
    state = {"at": 0}

    def answer(head, _number):
        if challenge and f"Authorization: {challenge.split(' ')[0]}" not in head:
            yield status("401 Unauthorized", f"WWW-Authenticate: {challenge}")
            return
        state["at"] += 1
        yield status("200 OK", "Content-Type: image/jpeg", body=pictures[(state["at"] - 1) % len(pictures)])
        if closes:
            yield None
    return answer


DIGEST = 'Digest realm="cam", nonce="n", qop="auth", algorithm=SHA-256'


def test_http_pictures(folder, ca, other_ca, cert):
    pictures = pictures_of_clip(DESK, 30)
    hashes = [hashlib.sha256(p).hexdigest() for p in pictures]
    secure, plain = "start protection=3 version=0304 tracks=jpeg:640x480", "start protection=0 version=0000 tracks=jpeg:640x480"
    for what, answer, start, words, at_least in (
            ("MJPEG over HTTPS", mixed(pictures), secure, ("mjpeg",), 1),
            ("MJPEG, chunked, parts without a length", mixed(pictures, False, True), secure, ("mjpeg", "paced"), 1),
            ("MJPEG, hyphens in the boundary", mixed(pictures, boundary='"--myboundary"'), secure, ("mjpeg",), 1),
            ("MJPEG over HTTP", mixed(pictures), plain, ("mjpeg", "plain"), 1),
            ("snapshots, Digest", snapshots(pictures, DIGEST), secure, ("snapshot", "every=20"), 2),
            ("snapshots, each on a connection", snapshots(pictures, DIGEST, True), secure, ("snapshot", "every=20"), 10),
            ("snapshots, Basic within TLS", snapshots(pictures, 'Basic realm="cam"'), secure, ("snapshot", "every=20"), 2)):
        with HttpCamera(answer, None if "plain" in words else cert) as camera:
            code, lines, told = probe(folder, camera.url, ca, *words, units=20)
            check(code == 0 and lines[0] == start, f"{what}: it streams ({lines[0]})")
            units = [line.split() for line in lines if line.startswith("unit 0 ")]
            check([u[6] for u in units[:20]] == hashes[:20], f"{what}: all {len(units)} pictures as sent")
            check(all(u[3] == "key" for u in units), f"{what}: a recording can begin with each")
            times = [int(u[2]) for u in units]
            check(times[0] == 0 and all(0 < b - a < 10 * 90000 for a, b in zip(times, times[1:])), f"{what}: timed by arrival")
            check(told.count("want main") >= at_least and all(r.startswith("GET /pic?size=1 HTTP/1.1") for r in camera.requests),
                  f"{what}: {told.count('want main')} connections, {len(camera.requests)} requests")
    page = status("200 OK", "Content-Type: text/html", body=b"<html>")
    elsewhere = status("302 Found", "Location: http://10.0.0.1/")
    basic = status("401 Unauthorized", 'WWW-Authenticate: Basic realm="cam"')
    for what, answer, fault, words in (
            ("a page for MJPEG", page, "not-a-picture", ("mjpeg",)),
            ("a page for a snapshot", page, "not-a-picture", ("snapshot", "every=20")),
            ("a redirect", elsewhere, "redirect", ("snapshot",)),
            ("404", status("404 Not Found"), "no-such-stream", ("mjpeg",)),
            ("Basic in the clear", basic, "basic-only", ("snapshot", "plain")),
            ("a wrong password", status("401 Unauthorized", f"WWW-Authenticate: {DIGEST}"), "wrong-password", ("mjpeg",)),
            ("no HTTP", b"RTSP/1.0 200 OK\r\n\r\n", "bad-answer", ("mjpeg",)),
            ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad-answer", ("snapshot",))):
        with HttpCamera(lambda _head, _number, answer=answer: [answer], None if "plain" in words else cert) as camera:
            code, lines, _ = probe(folder, camera.url, ca, *words, units=20)
            check(code == 2 and lines[-1].startswith(f"lost {fault} "), f"{what}: {lines[-1]}")
            check(not any("Authorization: Basic" in r for r in camera.requests), f"{what}: no Basic")
    with HttpCamera(mixed(pictures), cert) as camera:
        code, lines, _ = probe(folder, camera.url, other_ca, "mjpeg", units=20)
        check(code == 2 and lines[-1].startswith("lost unknown-issuer ") and not camera.requests,
              f"the wrong CA: {lines[-1]}")


def streams(folder, url, ca, what, start, *words):
    code, lines, told = probe(folder, url, ca, *words, units=3 * UNITS)
    check(code == 0 and lines[0] == start, f"{what}: it streams ({lines[0]})")
    compare_video(lines, CARS, what, STEP_CARS)
    compare_audio(lines, CARS, what)
    return [line.split()[1] for line in told.splitlines() if line.startswith("want ")]


def at_once(*jobs):
    """Clips play in real time, so several at once; the sockets that each wanted, in the order of the jobs."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [f.result() for f in [pool.submit(streams, *job) for job in jobs]]


def test_tls(folder, ca, other_ca, cert):
    with Camera(folder, cert, CARS, audio=True) as camera:
        https = f"https://127.0.0.1:{camera.port}/main"
        wants = at_once((folder, https, ca[1], "HTTPS tunnel", SECURE, "tunnel"),
                        (folder, https, ca[1], "HTTPS tunnel, paced", SECURE, "tunnel", "paced"),
                        (folder, camera.url, ca[1], "tls-if-available, where there is TLS", SECURE, "tls-if-available"))
        check(wants == [["main"] * 2, ["main"] * 2, ["main"]], f"TLS: a tunnel takes two connections ({wants})")
        log = camera.log()
        check("request DESCRIBE authorization=Digest" in log and log.count("request TEARDOWN authorization=Digest") == 3,
              "HTTPS tunnel: Digest at the level of RTSP, and each session was torn down")
        before = sum(line.startswith("request") for line in camera.log())
        for url, word in ((https, "tunnel"), (camera.url, "tls-if-available")):
            code, lines, told = probe(folder, url, other_ca[1], word)
            check(code == 2 and lines[-1].startswith("lost unknown-issuer "), f"{word}, the wrong CA: {lines[-1]}")
            check("want fallback" not in told, f"{word}, the wrong CA: no reason to go on without TLS")
        check(sum(line.startswith("request") for line in camera.log()) == before, "the wrong CA: no request was sent")
        code, lines, _ = probe(folder, camera.url, ca[1], "udp")
        check(code == 2 and lines[-1].startswith("lost media-outside-tls "), f"UDP without SRTP under TLS: {lines[-1]}")
        check(camera.log().count("request PLAY authorization=Digest") == 3, "and no PLAY was sent")


def test_plain(folder, ca):
    with Camera(folder, None, CARS, audio=True) as camera:
        rtsp, http = f"rtsp://127.0.0.1:{camera.port}/main", f"http://127.0.0.1:{camera.port}/main"
        # A port where nothing listens, and one that answers something else than TLS.
        closed, other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        closed_url, other_url = (f"rtsps://127.0.0.1:{s.getsockname()[1]}/main" for s in (closed, other))
        closed.close()

        def answer_in_the_clear():
            connection, _ = other.accept()
            connection.recv(4096)
            connection.sendall(b"RTSP/1.0 400 Bad Request\r\n\r\n")
            connection.recv(4096)
            connection.close()

        threading.Thread(target=answer_in_the_clear, daemon=True).start()
        back = f"fallback={camera.port}"
        wants = at_once((folder, rtsp, ca[1], "plain, interleaved", OPEN, "plain"),
                        (folder, http, ca[1], "plain, HTTP tunnel", OPEN, "plain", "tunnel"),
                        (folder, rtsp, ca[1], "plain, UDP", OPEN, "plain", "udp"),
                        (folder, closed_url, ca[1], "tls-if-available, nothing listens", OPEN, "tls-if-available", back),
                        (folder, other_url, ca[1], "tls-if-available, no TLS is spoken", OPEN, "tls-if-available", back))
        other.close()
        check(wants[2] == ["main", "datagrams", "datagrams"], "plain, UDP: a pair of ports for each track")
        check(wants[3:] == [["main", "fallback"]] * 2, "tls-if-available: TLS was tried first")
        check(not any("authorization=Basic" in line for line in camera.log()), "plain: Basic was never used")
        code, lines, _ = probe(folder, rtsp, ca[1], "plain", password="wrong")
        check(code == 2 and lines[-1].startswith("lost wrong-password "), f"plain, a wrong password: {lines[-1]}")
        for url, words in ((rtsp, ()), (http, ("tunnel",)), (rtsp, ("tls-if-available",))):
            code, lines, told = probe(folder, url, ca[1], *words)
            check(code == 2 and lines[-1].startswith("lost wrong-scheme ") and "want" not in told,
                  f"{url.split(':')[0]} without the exception {words}: {lines[-1]}")


def main():
    need_gstreamer()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "password").write_bytes(SENTINEL + b"\n")
        (folder / "wrong").write_text("wrong-horse\n")
        ca, other_ca = make_ca(folder, "site"), make_ca(folder, "other")
        good = make_leaf(folder, "good", ca, "IP:127.0.0.1")
        test_udp_out_of_order(folder, ca[1])
        test_http_pictures(folder, ca[1], other_ca[1], good)
        test_tls(folder, ca, other_ca, good)
        test_plain(folder, ca)
    print("all well")


if __name__ == "__main__":
    main()
