#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera role against other people's clients: ffmpeg, GStreamer (with the CA verified), and a small one of our own.

The program is $CUSTOS (for the load figure $CUSTOS_RELEASE, where that is built), else build/test/src/custos.
"""
import base64
import hashlib
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CARS, DESK = ROOT / "demo/cars-h264-aac.mp4", ROOT / "demo/desk-h265.mp4"
CUSTOS = os.environ.get("CUSTOS", str(ROOT / "build/test/src/custos"))
RELEASE = os.environ.get("CUSTOS_RELEASE", "")
USER, PASSWORD = "operator", "correct horse: battery/staple"
CLIENTS = 64


def run(*command, ok=True, timeout=60):
    p = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    if ok and p.returncode:
        raise AssertionError(f"{command[0]} ended with {p.returncode}: {p.stderr[-2000:]}")
    return p


def make_ca(folder, name):
    """A root, and a leaf for 127.0.0.1 of it."""
    root, key = folder / f"{name}.pem", folder / f"{name}.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", root,
        "-subj", f"/CN={name}", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}-leaf.key",
        "-out", folder / "leaf.csr", "-subj", "/CN=camera")
    (folder / "leaf.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\n"
                                     "basicConstraints=critical,CA:FALSE\n")
    run("openssl", "x509", "-req", "-in", folder / "leaf.csr", "-CA", root, "-CAkey", key, "-CAcreateserial", "-days", "2",
        "-extfile", folder / "leaf.ext", "-out", folder / f"{name}-leaf.pem")
    os.chmod(folder / f"{name}-leaf.key", 0o600)


class Edge:
    def __init__(self, folder, *options, program=CUSTOS):
        self.port_file = folder / f"port-{time.monotonic_ns()}"
        self.log = open(folder / f"log-{time.monotonic_ns()}", "w+")
        command = [program, "edge", "--listen", "127.0.0.1:0", "--cert", folder / "site-leaf.pem", "--key", folder / "site-leaf.key",
                   "--user", USER, "--password-file", folder / "password", "--port-file", self.port_file, *options]
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stderr=self.log)
        for _ in range(200):
            if self.port_file.exists() or self.process.poll() is not None:
                break
            time.sleep(0.05)
        if not self.port_file.exists():
            raise AssertionError(f"custos edge did not start: {self.text()}")
        self.port = int(self.port_file.read_text())

    def url(self, name, user=True):
        who = f"{USER}:{PASSWORD.replace(':', '%3A').replace('/', '%2F').replace(' ', '%20')}@" if user else ""
        return f"rtsps://{who}127.0.0.1:{self.port}/{name}"

    def text(self):
        self.log.flush()
        return Path(self.log.name).read_text()

    def cpu_s(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        if kind is None and code != 0:
            raise AssertionError(f"custos edge ended with {code}: {self.text()}")
        if kind is not None:
            print(self.text(), file=sys.stderr)


class Client:
    """RTSP over TLS, TLS over memory so that its records can be seen."""

    def __init__(self, edge, folder):
        context = ssl.create_default_context(cafile=folder / "site.pem")
        self.socket = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self.raw, self.records, self.plain, self.cseq = b"", [], b"", 0
        self.url, self.session, self.challenges, self.nc = edge.url("", user=False), None, [], 0
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.receive()
        self.flush()

    def flush(self):
        self.socket.sendall(self.outgoing.read())

    def receive(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError
        self.raw += data
        while len(self.raw) >= 5 and len(self.raw) >= 5 + int.from_bytes(self.raw[3:5], "big"):
            n = 5 + int.from_bytes(self.raw[3:5], "big")
            if self.raw[0] == 23:
                self.records.append(n)
            self.incoming.write(self.raw[:n])
            self.raw = self.raw[n:]

    def read_some(self):
        while True:
            try:
                data = self.tls.read(1 << 16)
                if not data:
                    raise EOFError
                self.plain += data
                return
            except ssl.SSLWantReadError:
                self.receive()

    def need(self, n):
        while len(self.plain) < n:
            self.read_some()

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def packet(self):
        """The next interleaved packet: channel and bytes."""
        self.need(4)
        assert self.plain[0:1] == b"$", self.plain[:40]
        n = int.from_bytes(self.plain[2:4], "big")
        self.need(4 + n)
        channel, data, self.plain = self.plain[1], self.plain[4:4 + n], self.plain[4 + n:]
        return channel, data

    def request(self, method, uri, *lines, authorization=None):
        self.cseq += 1
        head = [f"{method} {uri} RTSP/1.0", f"CSeq: {self.cseq}", *lines]
        if authorization:
            head.append(f"Authorization: {authorization}")
        if self.session:
            head.append(f"Session: {self.session}")
        self.send(("\r\n".join(head) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.plain:
            self.read_some()
        text, self.plain = self.plain.split(b"\r\n\r\n", 1)
        headers = [line.split(": ", 1) for line in text.decode().split("\r\n")[1:]]
        length = next((int(v) for k, v in headers if k == "Content-Length"), 0)
        self.need(length)
        body, self.plain = self.plain[:length], self.plain[length:]
        return int(text.split()[1]), headers, body.decode()

    def answer(self, method, uri, algorithm, password=PASSWORD, nonce=None):
        """RFC 7616 section 3.4, from the challenges of the last 401."""
        challenge = next(c for c in self.challenges if f"algorithm={algorithm}" in c)
        realm = re.search(r'realm="([^"]*)"', challenge)[1]
        nonce = nonce or re.search(r'nonce="([^"]*)"', challenge)[1]
        self.nc += 1
        nc, cnonce = f"{self.nc:08x}", os.urandom(8).hex()
        h = lambda s: hashlib.new(algorithm.replace("-", ""), s.encode()).hexdigest()  # noqa: E731
        response = h(":".join([h(f"{USER}:{realm}:{password}"), nonce, nc, cnonce, "auth", h(f"{method}:{uri}")]))
        return (f'Digest username="{USER}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}, qop=auth, nc={nc}, '
                f'cnonce="{cnonce}", response="{response}"')

    def challenge(self, uri):
        status, headers, _ = self.request("DESCRIBE", uri)
        assert status == 401, status
        self.challenges = [v for k, v in headers if k == "WWW-Authenticate"]

    def signed(self, method, uri, *lines, algorithm="SHA-256"):
        status, headers, body = self.request(method, uri, *lines, authorization=self.answer(method, uri, algorithm))
        assert status == 200, (method, uri, status, headers)
        return dict(map(tuple, headers)), body

    def play(self, name, tracks, channels=None):
        """Returns RTP-Info as {track: (sequence, timestamp)}."""
        uri = self.url + name
        self.challenge(uri)
        self.signed("DESCRIBE", uri)
        for i in range(tracks):
            first = channels[i] if channels else 2 * i
            headers, _ = self.signed("SETUP", f"{uri}/track{i}", f"Transport: RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}")
            assert f"interleaved={first}-{first + 1}" in headers["Transport"]
            self.session = headers["Session"].split(";")[0]
        headers, _ = self.signed("PLAY", uri)
        entries = re.findall(r"url=[^;]*/track(\d);seq=(\d+);rtptime=(\d+)", headers["RTP-Info"])
        return {int(t): (int(s), int(r)) for t, s, r in entries}


def frame_hashes(path, stream, decode=False):
    codec = [] if decode else ["-c", "copy"]
    p = run("ffmpeg", "-v", "error", "-i", path, "-map", f"0:{stream}", *codec, "-f", "framemd5", "-")
    return [line.split(",")[5].strip() for line in p.stdout.splitlines() if line and line[0] != "#"]


def slice_hashes(path):
    """Of each H.265 slice. ffmpeg's parser leaves a zero byte of the next start code at a frame's end, so its frames as stored
    cannot be compared byte by byte; GStreamer's are."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-c", "copy", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", "-"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    nals = [n.rstrip(b"\0") for n in raw.split(b"\0\0\1")[1:]]
    return [hashlib.md5(n).hexdigest() for n in nals if n[0] >> 1 & 63 < 32]


def round_and_round(source, got, what):
    """True to the source: got is a stretch of source repeated without end."""
    assert len(got) > 20, f"{what}: only {len(got)} frames"
    starts = [i for i, h in enumerate(source) if h == got[0]]
    assert starts, f"{what}: the first frame is not in the source"
    good = max(sum(1 for _ in iter_equal(source, got, s)) for s in starts)
    assert good == len(got), f"{what}: frame {good} of {len(got)} differs from the source"
    return starts[0] + len(got) > len(source)


def iter_equal(source, got, start):
    for i, h in enumerate(got):
        if source[(start + i) % len(source)] != h:
            return
        yield i


def together(*works):
    """Most of their time is real time of real footage. Their answers, in order."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [f.result() for f in [pool.submit(work) for work in works]]


def pull(edge, name, path, seconds):
    tag = ["-tag:v", "hvc1"] if name.startswith("desk") else []
    run("ffmpeg", "-v", "error", "-y", "-rtsp_transport", "tcp", "-i", edge.url(name), "-t", seconds, "-c", "copy", *tag, path)


def test_ffmpeg_gets_the_files_frames(folder):
    with Edge(folder, "--stream", f"cars={CARS}", "--stream", f"desk={DESK}") as edge:
        together(lambda: pull(edge, "cars", folder / "cars.mp4", 6), lambda: pull(edge, "desk", folder / "desk.mp4", 12))
    round_and_round(frame_hashes(CARS, "v"), frame_hashes(folder / "cars.mp4", "v"), "H.264 as stored")
    round_and_round(frame_hashes(CARS, "a"), frame_hashes(folder / "cars.mp4", "a"), "AAC as stored")
    round_and_round(frame_hashes(CARS, "v", True), frame_hashes(folder / "cars.mp4", "v", True), "H.264 decoded")
    assert round_and_round(slice_hashes(DESK), slice_hashes(folder / "desk.mp4"), "H.265 as stored"), "the clip did not begin again"
    round_and_round(frame_hashes(DESK, "v", True), frame_hashes(folder / "desk.mp4", "v", True), "H.265 decoded")


GSTREAMER = """
import hashlib, sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gio, GLib, Gst
url, user, password, ca, caps, depay, seconds = sys.argv[1:8]
Gst.init(None)
p = Gst.parse_launch(f"rtspsrc name=s latency=200 ! application/x-rtp,media=video ! {depay} ! {caps} ! fakesink name=k sync=false signal-handoffs=true")
s = p.get_by_name("s")
s.set_property("location", url); s.set_property("user-id", user); s.set_property("user-pw", password)
s.set_property("tls-database", Gio.TlsFileDatabase.new(ca))
def on_buffer(_sink, buffer, _pad):
    ok, view = buffer.map(Gst.MapFlags.READ)
    print(hashlib.md5(bytes(view.data)).hexdigest(), flush=True)
    buffer.unmap(view)
p.get_by_name("k").connect("handoff", on_buffer)
loop = GLib.MainLoop()
def on_message(_bus, m):
    if m.type == Gst.MessageType.ERROR:
        print(m.parse_error(), file=sys.stderr); loop.error = True; loop.quit()
p.get_bus().add_signal_watch(); p.get_bus().connect("message", on_message)
loop.error = False
p.set_state(Gst.State.PLAYING)
GLib.timeout_add(int(float(seconds) * 1000), loop.quit)
loop.run()
p.set_state(Gst.State.NULL)
sys.exit(1 if loop.error else 0)
"""


def gstreamer(edge, name, ca, ok=True):
    h265 = name == "desk"
    caps = "video/x-h265,stream-format=hvc1,alignment=au" if h265 else "video/x-h264,stream-format=avc,alignment=au"
    return run("/usr/bin/python3", "-c", GSTREAMER, edge.url(name, user=False), USER, PASSWORD, ca, caps,
               "rtph265depay" if h265 else "rtph264depay", "5", ok=ok)


def test_gstreamer_verifies_and_gets_the_files_frames(folder):
    if run("/usr/bin/python3", "-c", "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst, Gio", ok=False).returncode:
        print("  GStreamer for Python is not installed: its part is left out")
        return
    with Edge(folder, "--stream", f"cars={CARS}", "--stream", f"desk={DESK}") as edge:
        cars, desk, refused = together(lambda: gstreamer(edge, "cars", folder / "site.pem"), lambda: gstreamer(edge, "desk", folder / "site.pem"),
                                       lambda: gstreamer(edge, "cars", folder / "other.pem", ok=False))
        for name, path, got in (("cars", CARS, cars), ("desk", DESK, desk)):
            round_and_round(frame_hashes(path, "v"), got.stdout.split(), f"GStreamer, {name}")
        assert refused.returncode == 1 and refused.stdout == "", "a foreign CA was accepted"


def test_stamps(folder):
    with Edge(folder, "--stream", f"cars={CARS}", "--stream", f"desk={DESK}", "--count", "3", "--stamp") as edge:
        before = time.time()
        together(*(lambda n=name: pull(edge, n, folder / f"{n}.mp4", 3) for name in ("cars0", "cars2", "desk1")))
        after = time.time()
    files = [folder / "cars0.mp4", folder / "cars2.mp4", folder / "desk1.mp4"]
    report = json.loads(run(CUSTOS, "edge", "check-stamps", "--json", *files).stdout)
    assert report["complete"] and report["unstamped"] == 0, report
    assert [c["camera"] for c in report["cameras"]] == ["cars0", "cars2", "desk1"], report
    for c, path in zip(report["cameras"], files):
        assert c["frames"] == len(frame_hashes(path, "v")) == c["last"] - c["first"] + 1, c
        assert before - 1 < c["first_us"] / 1e6 < c["last_us"] / 1e6 < after + 1, c
    # Frames 10, 11, 12 and 20 go missing.
    cut = folder / "cut.mp4"
    run("ffmpeg", "-v", "error", "-y", "-i", files[2], "-c", "copy", "-tag:v", "hvc1",
        "-bsf:v", r"noise=amount=0:drop=between(n\,10\,12)+eq(n\,20)", cut)
    p = run(CUSTOS, "edge", "check-stamps", "--json", cut, ok=False)
    desk = json.loads(p.stdout)["cameras"][0]
    first = report["cameras"][2]["first"]
    assert p.returncode == 1 and desk["missing"] == 4, (p.returncode, desk)
    assert [(g["first"] - first, g["last"] - first) for g in desk["gaps"]] == [(10, 12), (20, 20)], desk
    assert 100 <= desk["gaps"][0]["ms"] <= 200, desk
    assert run(CUSTOS, "edge", "check-stamps", CARS, ok=False).returncode == 1, "frames without stamps are not complete"
    assert run(CUSTOS, "edge", "check-stamps", folder / "site.pem", ok=False).returncode == 2
    assert run(CUSTOS, "edge", "check-stamps", ok=False).returncode == 64


def test_authentication(folder):
    with Edge(folder, "--stream", f"cars={CARS}") as edge:
        wrong = run("ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", edge.url("cars").replace("correct", "wrong"),
                    "-t", "1", "-f", "null", "-", ok=False)
        assert wrong.returncode and "401" in wrong.stderr, wrong.stderr
        uri = edge.url("cars", user=False)
        c = Client(edge, folder)
        c.challenge(uri)
        assert [re.search(r"algorithm=([\w-]+)", x)[1] for x in c.challenges] == ["SHA-256", "MD5"], c.challenges
        _, body = c.signed("DESCRIBE", uri, algorithm="SHA-256")
        assert "sprop-parameter-sets=" in body and "a=control:track1" in body, body
        c.signed("DESCRIBE", uri, algorithm="MD5")
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        attempts = [c.answer("DESCRIBE", uri, "SHA-256", nonce="0" * 32), basic,
                    c.answer("PLAY", uri, "SHA-256"), c.answer("DESCRIBE", uri, "SHA-256", password="wrong")]
        for i, attempt in enumerate(attempts):
            status, headers, body = c.request("DESCRIBE", uri, authorization=attempt)
            assert status == 401 and not body, (i, status)
            stale = any("stale=true" in v for k, v in headers if k == "WWW-Authenticate")
            assert stale == (i == 0), (i, headers)
        try:  # the fourth wrong answer was the last
            c.request("OPTIONS", "*")
            raise AssertionError("the connection is still open")
        except (EOFError, OSError):
            pass
        other = Client(edge, folder)
        other.challenge(uri)
        assert other.challenges[0] != c.challenges[0], "each connection has its own nonce"
        assert PASSWORD not in edge.text()


def test_plain_text_gets_nothing(folder):
    with Edge(folder, "--stream", f"cars={CARS}") as edge:
        s = socket.create_connection(("127.0.0.1", edge.port), timeout=15)
        s.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        answer = b""
        try:
            while data := s.recv(4096):
                answer += data
        except ConnectionResetError:
            pass
        assert b"RTSP" not in answer, answer
        Client(edge, folder).challenge(edge.url("cars", user=False))
    for options in (["--listen", "0.0.0.0:0", "--plain-loopback-test"], ["--listen", "127.0.0.1:0"]):
        p = run(CUSTOS, "edge", *options, "--stream", f"cars={CARS}", ok=False)
        assert p.returncode in (1, 64) and p.stderr, (options, p.returncode)


def rtp_info_of(folder, options, burst, per_packet):
    with Edge(folder, "--stream", f"cars={CARS}", *options) as edge:
        time.sleep(0.3)  # so that the group has begun
        c = Client(edge, folder)
        begun = len(c.records)
        info = c.play("cars", 2, channels=[10, 4])
        start, first, reports, waited = time.monotonic(), {}, {}, None
        while time.monotonic() - start < 3:
            channel, data = c.packet()
            track = {10: 0, 4: 1}.get(channel & ~1)
            assert track is not None, channel
            if channel & 1:
                reports[track] = (time.time(), data)
                continue
            waited = waited if waited is not None else time.monotonic() - start
            first.setdefault(track, (int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")))
        assert first == info, (options, first, info)
        if burst:
            assert waited < 0.3, f"--burst: the first packet came after {waited:.2f} s"
        for track, (now, data) in reports.items():
            assert data[1] == 200, "no sender report"
            ntp = int.from_bytes(data[8:16], "big") / 2**32 - 2208988800
            assert abs(now - ntp) < 2, (track, now, ntp)
        assert set(reports) == {0, 1}, reports
        largest = max(c.records[begun:])
        assert (largest < 1600) == per_packet, f"{options}: largest TLS record {largest}"


def test_rtp_info_reports_and_records(folder):
    together(*(lambda k=kind: rtp_info_of(folder, *k) for kind in (([], False, False), (["--burst"], True, False), (["--record-per-packet"], False, True))))


def test_many_clients_are_cheap(folder):
    program = RELEASE if RELEASE and os.access(RELEASE, os.X_OK) else CUSTOS
    with Edge(folder, "--stream", f"cars={CARS}", "--count", str(CLIENTS), "--stamp", program=program) as edge:
        clients = [Client(edge, folder) for _ in range(CLIENTS)]
        for i, c in enumerate(clients):
            c.play(f"cars{i}", 2)
        got = {c.socket.fileno(): len(c.plain) for c in clients}
        cpu, start = edge.cpu_s(), time.monotonic()
        while time.monotonic() - start < 4:
            for s in select.select([c.socket for c in clients], [], [], 0.2)[0]:
                got[s.fileno()] += len(s.recv(1 << 18))
        cpu, seconds = edge.cpu_s() - cpu, time.monotonic() - start
        assert min(got.values()) > 40000, f"a client got {min(got.values())} bytes only"
        assert "client.cut" not in edge.text()
        rate = sum(got.values()) * 8 / seconds / 1e6
        print(f"  {CLIENTS} clients, {rate:.1f} Mbit/s: {100 * cpu / seconds:.0f} % of a core, "
              f"{1000 * cpu / seconds / CLIENTS:.2f} ms CPU per client-second ({'release' if program == RELEASE else 'this build'})")


def timed(test, folder):
    start = time.monotonic()
    test(folder)
    print(f"passed {test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)


def main():
    if not os.access(CUSTOS, os.X_OK):
        print(f"{CUSTOS} is not built")
        return 77
    with tempfile.TemporaryDirectory(prefix="custos-edge-") as name:
        folder = Path(name)
        make_ca(folder, "site")
        make_ca(folder, "other")
        (folder / "password").write_text(PASSWORD + "\n")
        os.chmod(folder / "password", 0o600)
        tests = [v for k, v in globals().items() if k.startswith("test_")]
        alone = [test_stamps, test_many_clients_are_cheap]  # they tell the time
        with ThreadPoolExecutor(3) as beside:
            list(beside.map(lambda test: timed(test, folder), [t for t in tests if t not in alone]))
        for test in alone:
            timed(test, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
