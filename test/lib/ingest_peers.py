# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of ingest share: certificates by the openssl program, GStreamer's rtsp-server as the camera, the probe
(test/integ/ingest_probe.c), and comparing what came out with the source as ffmpeg gives it."""
import hashlib
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CUSTOS_BUILD", ROOT / "build/test"))
PROBE = Path(os.environ.get("INGEST_PROBE", BUILD / "test/integ/ingest_probe"))
CARS, DESK = ROOT / "demo/cars-h264-aac.mp4", ROOT / "demo/desk-h265.mp4"
START_CARS, STEP_CARS = "start protection=3 version=0304 tracks=h264:768x432,aac:48000", 7200
START_DESK, STEP_DESK = "start protection=3 version=0304 tracks=h265:640x480", 3000
SENTINEL = b"correct-horse-battery"
UNITS = 150
NOT_KNOWN = -2**63


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def check(condition, what):
    if not condition:
        print(f"FAILED: {what}")
        sys.exit(1)
    print(f"ok: {what}")


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, **options)


# ---- certificates ----

def make_key(path):
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)


def make_ca(folder, name):
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    make_key(key)
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "2", "-out", cert,
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    return key, cert


def make_leaf(folder, name, ca, san, expired=False):
    key, request, cert = (folder / f"{name}.{e}" for e in ("key", "csr", "crt"))
    make_key(key)
    run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"subjectAltName={san}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                          "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    if expired:
        base = folder / f"{name}.ca"
        base.mkdir()
        (base / "index.txt").write_text("")
        (base / "serial").write_text("1000\n")
        config = base / "ca.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\nnew_certs_dir={base}\n"
                          "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        run("openssl", "ca", "-batch", "-config", config, "-keyfile", ca[0], "-cert", ca[1], "-in", request, "-out", cert,
            "-startdate", "20240101000000Z", "-enddate", "20240201000000Z", "-extfile", extensions, "-notext")
    else:
        run("openssl", "x509", "-req", "-in", request, "-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-days", "2",
            "-extfile", extensions, "-out", cert)
    return pem_of(folder, name, cert, key)


def make_self_signed(folder, name):
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    make_key(key)
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "2", "-out", cert,
        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "extendedKeyUsage=serverAuth")
    return pem_of(folder, name, cert, key)


def pem_of(folder, name, cert, key):
    pem = folder / f"{name}.both.pem"
    pem.write_text(cert.read_text() + key.read_text())
    return pem


# ---- the camera, and the probe ----

class Camera:
    def __init__(self, folder, cert, clip, codec="h264", audio=False):
        """cert: None for a camera without TLS."""
        command = ["/usr/bin/python3", str(ROOT / "test/lib/gst_camera.py"), "--clip", str(clip), "--codec", codec,
                   "--password-file", str(folder / "password")] + (["--cert", str(cert)] if cert else ["--plain"])
        self.process = subprocess.Popen(command + (["--audio"] if audio else []), stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.lines, self.seen = queue.Queue(), []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        first = self.lines.get(timeout=30)
        if not first.startswith("port "):
            skip(f"GStreamer's rtsp-server does not start: {first}")
        self.port = int(first.split()[1])
        self.url = f"rtsps://127.0.0.1:{self.port}/main"

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put("ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def log(self):
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return self.seen


def probe(folder, url, ca, *words, password="password", units=UNITS):
    command = [PROBE, url, ca, "viewer", folder / password, units, *words]
    p = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60, check=False)
    if p.returncode not in (0, 2):
        print(p.stdout[-2000:], p.stderr[-4000:])
    check(p.returncode in (0, 2), "the probe ends as it should")
    for secret in (SENTINEL.decode(), "wrong-horse"):
        check(secret not in p.stdout + p.stderr, f"no password ({secret[:5]}...) in what the probe says")
    return p.returncode, p.stdout.splitlines(), p.stderr


# ---- the source ----

def samples(clip, track):
    """The clip's samples of one track ("v" or "a") as they lie in the file."""
    sizes = run("ffprobe", "-v", "error", "-select_streams", track, "-show_entries", "packet=size", "-of", "csv=p=0", clip).stdout
    data = run("ffmpeg", "-v", "error", "-i", clip, "-map", f"0:{track}", "-c", "copy", "-f", "data", "-").stdout
    sizes = [int(s.strip().strip(b",")) for s in sizes.split()]
    check(sum(sizes) == len(data), f"ffmpeg gives {len(sizes)} samples of {clip.name}, track {track}")
    result, at = [], 0
    for size in sizes:
        result.append(data[at:at + size])
        at += size
    return result


def nal_hashes(sample):
    """Of each NAL unit behind its 4-byte length."""
    hashes = []
    while sample:
        n = int.from_bytes(sample[:4], "big")
        hashes.append(hashlib.sha256(sample[4:4 + n]).hexdigest())
        sample = sample[4 + n:]
    return hashes


def is_run_of(got, source):
    """got is a contiguous part of source."""
    starts = [i for i, s in enumerate(source) if s == got[0]]
    return any(source[i:i + len(got)] == got for i in starts)


def compare_video(lines, clip, what, step):
    video = [line.split() for line in lines if line.startswith("unit 0 ")]
    got, source = [u[6].split(",") for u in video], [nal_hashes(s) for s in samples(clip, "v")]
    check(len(got) >= UNITS // 2, f"{what}: {len(got)} pictures received")
    check(video[0][3] == "key", f"{what}: the first is a key frame")
    check(all(u[4] == "-" for u in video), f"{what}: none lost")
    check(is_run_of(got, source), f"{what}: all {sum(map(len, got))} NAL units of {len(got)} pictures as in the source, in their order")
    times = sorted(int(u[2]) for u in video)[:-4]  # reordered pictures may be missing at the end
    check(all(abs(b - a - step) <= 2 for a, b in zip(times, times[1:])), f"{what}: the pictures are {step}/90000 s apart")
    return video


def compare_audio(lines, clip, what):
    audio = [line.split() for line in lines if line.startswith("unit 1 ")]
    got, source = [u[6] for u in audio], [hashlib.sha256(s).hexdigest() for s in samples(clip, "a")]
    check(len(got) > 20 and is_run_of(got, source), f"{what}: all {len(got)} audio frames as in the source")
    times = [int(u[2]) for u in audio]
    check(all(abs(b - a - 1024) <= 2 for a, b in zip(times, times[1:])), f"{what}: the audio frames are 1024 samples apart")


def compare_clocks(video, what):
    """The sender's clock is this machine's: what it says of a picture lies close to now, and goes on with the pts."""
    known = [(int(u[2]), int(u[5])) for u in video if int(u[5]) != NOT_KNOWN]
    check(len(known) > 10, f"{what}: {len(known)} pictures with the sender's time (RTCP)")
    check(all(abs(us / 1e6 - time.time()) < 60 for _, us in known), f"{what}: which is about now")
    check(all(abs((us - known[0][1]) - (pts - known[0][0]) * 100 / 9) < 50000 for pts, us in known),
          f"{what}: and goes with the pictures' timestamps")


def need_gstreamer():
    if not PROBE.exists():
        skip(f"{PROBE} is not built")
    try:
        run("/usr/bin/python3", "-c", "import gi; gi.require_version('GstRtspServer', '1.0')")
        run("gst-inspect-1.0", "h264parse")
        run("gst-inspect-1.0", "h265parse")
    except (OSError, subprocess.CalledProcessError):
        skip("GStreamer's rtsp-server for Python is not installed")
