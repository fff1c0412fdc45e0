# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras of the benchmark: `custos edge` processes on a core of their own, all with the same clip and certificate."""
import os
import shutil
import time
from pathlib import Path

from common import CAMERA_CORE, BenchError, Process, run, say, wait_for

RATE, BITRATE, CLIP_S = 25, "4M", 12
EDGES_MAX = 8           # cameras are spread over so many processes, which begin at different times
# How they send: scheme, options.
LINKS = {
    "large": ("rtsps", []),                                 # an access unit in one TLS write
    "per-packet": ("rtsps", ["--record-per-packet"]),       # each RTP packet in a TLS record of its own
    "plain": ("rtsp", ["--plain-loopback-test"]),           # what peers are given: no TLS at all
}


def make_clip(folder, gop):
    """Moving picture with noise, so that the encoder really needs its 4 Mbit/s."""
    clip = folder / f"clip-1080p25-4M-gop{gop}.mp4"
    if not clip.exists():
        say(f"encoding {clip.name} (once)")
        part = clip.with_suffix(".part.mp4")
        run("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi",
            "-i", f"testsrc2=size=1920x1080:rate={RATE},noise=alls=24:allf=t", "-t", CLIP_S, "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-b:v", BITRATE, "-minrate", BITRATE,
            "-maxrate", BITRATE, "-bufsize", "2M", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-bf", "0",
            "-x264-params", "nal-hrd=cbr", part)
        part.rename(clip)
    return clip


def make_site(custos, folder):
    """A new site, copied for each run, whose camera issuer makes one certificate for all cameras; returns it, its key and the site."""
    site, key, request, cert, chain = (folder / n for n in ("site", "camera.key", "camera.csr", "camera.crt", "camera.pem"))
    shutil.rmtree(site, ignore_errors=True)
    old = os.umask(0o077)
    run(custos, "run", "--init", "--state", site, "--recovery-kit", folder / "site" / "kit.txt")
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench",
        "-keyout", key, "-out", request)
    extensions = folder / "camera.ext"
    extensions.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                          "subjectAltName=IP:127.0.0.1\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    issuer = site / "site/cameras"
    run("openssl", "x509", "-req", "-in", request, "-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-set_serial",
        str(int.from_bytes(os.urandom(15), "big")), "-days", "30", "-extfile", extensions, "-out", cert)
    chain.write_text(cert.read_text() + Path(f"{issuer}.crt").read_text())
    os.umask(old)
    return chain, key, site


class Cameras:
    """`custos edge` for n cameras; targets is a list of (name, url). links: LINKS."""

    def __init__(self, bench, n, links="large"):
        self.edges, self.targets = [], []
        count = min(n, EDGES_MAX)
        try:
            for i in range(count):
                share = n // count + (i < n % count)
                self.start(bench, i, share, links)
                time.sleep(0.13)    # key frames of different edges do not fall together
        except BaseException:
            self.stop()
            raise

    def start(self, bench, i, share, links):
        port_file = bench.dir / f"edge{i}.port"
        port_file.unlink(missing_ok=True)
        name = f"e{i}c"
        identity = [] if links == "plain" else ["--cert", bench.cert, "--key", bench.key]
        command = [bench.custos, "edge", "--listen", "127.0.0.1:0", *identity, "--stream", f"{name}={bench.clip}", "--count", share, "--stamp",
                   "--port-file", port_file]
        edge = Process(CAMERA_CORE, command + LINKS[links][1], bench.dir / f"edge{i}.log")
        self.edges.append(edge)
        wait_for(f"edge {i}", 10, lambda: port_file.exists() or not edge.alive())
        if not edge.alive():
            raise BenchError(f"edge {i} did not start: see {bench.dir}/edge{i}.log")
        port = int(port_file.read_text())
        self.targets += [(f"{name}{k}", f"{LINKS[links][0]}://127.0.0.1:{port}/{name}{k}") for k in range(share)]

    def late(self, bench):
        """How often an edge could not keep its pace: then the cameras, not the recorder, were the limit."""
        return sum((bench.dir / f"edge{i}.log").read_text(errors="replace").count("edge.late") for i in range(len(self.edges)))

    def stop(self):
        for edge in self.edges:
            edge.stop()
