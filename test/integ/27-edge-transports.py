#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the camera role serves, and how: every transport to ffmpeg, GStreamer and our own client, every codec, SRTP's keys.

Each client must get the file's frames, byte by byte.
"""
import hashlib
import importlib.util
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from custos_site import CARS, CUSTOS, PASSWORD, USER, Authority, Program, check, custos, main, password_file, run, wait_for  # noqa: E402

spec = importlib.util.spec_from_file_location("edge_clients", HERE / "21-edge.py")
clients = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clients)
PROBE = Path(CUSTOS).resolve().parents[1] / "test/integ/ingest_probe"
WHO = f"{USER}:" + PASSWORD.replace(":", "%3A").replace("/", "%2F").replace(" ", "%20")
SUITES = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"]


class Served(Program):
    """`custos edge`, over TLS with a certificate, else in the clear on loopback."""

    def __init__(self, folder, streams, *options, certificate=None):
        port_file = folder / f"port-{time.monotonic_ns()}"
        self.password_file = password_file(folder)
        words = ["--cert", certificate[0], "--key", certificate[1]] if certificate else ["--plain-loopback-test"]
        for name, path in streams.items():
            words += ["--stream", f"{name}={path}"]
        super().__init__(port_file.with_suffix(".log"), [CUSTOS, "edge", "--listen", "127.0.0.1:0", "--user", USER, "--password-file",
                                                        self.password_file, "--port-file", port_file, *words, *options])
        wait_for(lambda: port_file.exists() or not self.alive(), 20, "custos edge is ready", 0.05)
        check(port_file.exists(), f"custos edge did not start: {self.log()}")
        self.port = int(port_file.read_text())

    def url(self, name="cars", scheme="rtsps", who=""):
        return f"{scheme}://{who}127.0.0.1:{self.port}/{name}"

    def carriers(self):
        return re.findall(r"client\.play .*carrier=([a-z]+)", self.log())


def has_gstreamer():
    return run("/usr/bin/python3", "-c", "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst, Gio", ok=None).returncode == 0


def nal_hashes(path):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    nals = raw.split(b"\0\0\1")[1:]  # a start code of four bytes leaves a zero at the end of the unit before it
    return {hashlib.sha256(n).hexdigest() for nal in nals for n in (nal, nal.removesuffix(b"\0"))}


def pull_ffmpeg(folder, edge, transport, scheme="rtsp"):
    path = folder / f"ff-{transport}-{scheme}.mp4"
    run("ffmpeg", "-v", "error", "-y", "-rtsp_transport", transport, "-i", edge.url(scheme=scheme, who=WHO + "@"), "-t", "3", "-c", "copy", path)
    return f"ffmpeg {transport}", clients.frame_hashes(path, "v")


# The sound goes somewhere too: rtspsrc ends with "not-linked" where the first packets are of a track that nobody takes.
GSTREAMER = clients.GSTREAMER.replace('signal-handoffs=true"', 'signal-handoffs=true s. ! application/x-rtp,media=audio ! fakesink async=false"')


def pull_gstreamer(edge, scheme, ca):
    p = run("/usr/bin/python3", "-c", GSTREAMER, edge.url(scheme=scheme), USER, PASSWORD, ca,
            "video/x-h264,stream-format=avc,alignment=au", "rtph264depay", "5")
    return f"GStreamer {scheme}", p.stdout.split()


def pull_probe(edge, scheme, ca, *words):
    p = run(PROBE, edge.url(scheme=scheme), ca, USER, edge.password_file, "100", *words)
    units = [line.split() for line in p.stdout.splitlines() if line.startswith("unit 0 ")]
    check(len(units) > 15 and not any(u[4] == "lost" for u in units), f"our client, {scheme} {words}: {p.stdout[-500:]}")
    return f"ours {scheme} {' '.join(words)}", {h for u in units for h in u[6].split(",")}


def test_every_transport(folder):
    ca = Authority.new(folder, "site")
    certificate, frames, nals = ca.issue("camera"), clients.frame_hashes(CARS, "v"), nal_hashes(CARS)
    files = {"cars": CARS}
    with Served(folder, files) as plain, Served(folder, files, certificate=certificate) as tls, \
            Served(folder, files, "--srtp", SUITES[0], certificate=certificate) as srtp, \
            Served(folder, files, "--srtp", SUITES[3], certificate=certificate) as gcm:
        whole = [(pull_ffmpeg, folder, plain, "http"), (pull_ffmpeg, folder, tls, "https"), (pull_ffmpeg, folder, plain, "udp")]
        ours = [(pull_probe, plain, "http", ca.cert, "tunnel", "plain"), (pull_probe, tls, "https", ca.cert, "tunnel"),
                (pull_probe, plain, "rtsp", ca.cert, "udp", "plain"), (pull_probe, srtp, "rtsps", ca.cert), (pull_probe, srtp, "rtsps", ca.cert, "udp"),
                (pull_probe, gcm, "rtsps", ca.cert), (pull_probe, gcm, "https", ca.cert, "tunnel"), (pull_probe, gcm, "rtsps", ca.cert, "udp")]
        if has_gstreamer():
            whole += [(pull_gstreamer, plain, "rtsph", ca.cert), (pull_gstreamer, tls, "rtspsh", ca.cert), (pull_gstreamer, plain, "rtspu", ca.cert),
                      (pull_gstreamer, srtp, "rtspst", ca.cert), (pull_gstreamer, srtp, "rtspsu", ca.cert)]
        else:
            print("  GStreamer for Python is not installed: its part is left out")
        with ThreadPoolExecutor(4) as pool:
            for what, got in pool.map(lambda j: j[0](*j[1:]), whole):
                clients.round_and_round(frames, got, what)
            for what, got in pool.map(lambda j: j[0](*j[1:]), ours):
                check(got <= nals, f"{what}: {len(got - nals)} of {len(got)} NAL units are not the file's")
        # Nobody fell back to another way (the log sums up what comes within a second).
        for edge, carriers in ((plain, {"tunnel", "datagrams"}), (tls, {"tunnel"}), (srtp, {"interleaved", "datagrams"}),
                               (gcm, {"interleaved", "datagrams", "tunnel"})):
            check(edge.carriers() and set(edge.carriers()) <= carriers, f"{edge.carriers()}, not {carriers}")


def authority(folder):
    ca = Authority.new(folder, "site")
    (folder / "site.pem").symlink_to(ca.cert)  # where 21-edge's client looks
    return ca


def sdp_of(edge, folder):
    c = clients.Client(edge, folder)
    c.challenge(edge.url())
    return c, c.signed("DESCRIBE", edge.url())[1]


class Seen:
    """An edge as 21-edge's client wants it."""

    def __init__(self, edge):
        self.port, self.url = edge.port, lambda name="cars", user=False: edge.url(name)


def test_srtp_keys(folder):
    ca = authority(folder)
    for suite in SUITES:
        with Served(folder, {"cars": CARS}, "--srtp", suite, certificate=ca.issue("camera")) as edge:
            sdps = [sdp_of(Seen(edge), folder) for _ in range(2)]
            keys = [re.findall(rf"a=crypto:1 {suite} inline:([A-Za-z0-9+/=]+)", sdp) for _, sdp in sdps]
            check([len(k) for k in keys] == [2, 2] and len({k for each in keys for k in each}) == 4, f"{suite}: a key a client and track")
            check(all(sdp.count("a=key-mgmt:mikey ") == 2 and sdp.count(" RTP/SAVP ") == 2 for _, sdp in sdps), sdps[0][1])
            c = sdps[0][0]
            track = edge.url() + "/track0"
            for transport in ("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP;unicast;client_port=6000-6001"):
                status, _, _ = c.request("SETUP", track, f"Transport: {transport}", authorization=c.answer("SETUP", track, "SHA-256"))
                check(status == 461, f"{transport} beside SRTP: {status}")
            status, _, _ = c.request("SETUP", track, "Transport: RTP/SAVP/TCP;unicast;interleaved=0-1", 'KeyMgmt: prot=mikey;uri="";data="AAAA"',
                                     authorization=c.answer("SETUP", track, "SHA-256"))
            check(status == 463, f"a KeyMgmt that is none: {status}")
            check(not any(k in edge.log() for each in keys for k in each), "no key in the log")
    p = custos("edge", "--listen", "127.0.0.1:0", "--stream", f"cars={CARS}", "--plain-loopback-test", "--srtp", SUITES[0], ok=64)
    check("needs TLS" in p.stderr, p.stderr)
    p = custos("edge", "--listen", "127.0.0.1:0", "--stream", f"cars={CARS}", "--srtp", "NULL", ok=64)
    check("AES_CM_128_HMAC_SHA1_80" in p.stderr, p.stderr)


METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:VideoAnalytics><tt:Frame UtcTime="2010-09-10T12:24:57.721Z">
<tt:Object ObjectId="12"/></tt:Frame><tt:Frame UtcTime=""/></tt:VideoAnalytics></tt:MetadataStream>
"""


def make_clips(folder):
    jpeg, sounds, g726 = folder / "jpeg.mov", folder / "sounds.mkv", folder / "g726.wav"
    ff = ["ffmpeg", "-v", "error", "-y", "-t", "4", "-i", CARS]
    run(*ff, "-vf", "scale=320:192", "-c:v", "mjpeg", "-huffman", "default", "-pix_fmt", "yuvj420p", "-q:v", "5", "-ac", "1", "-ar", "8000",
        "-c:a", "pcm_mulaw", jpeg)
    run(*ff, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c:v", "copy", "-ac", "1", "-c:a:0", "libopus", "-c:a:1", "pcm_alaw", "-ar:a:1", "8000", sounds)
    run(*ff, "-ac", "1", "-ar", "8000", "-c:a", "g726", "-code_size", "4", g726)
    return {"jpeg": jpeg, "sounds": sounds, "g726": g726}


def raw_sound(path, stream, seconds=None):
    return subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:{stream}", "-c", "copy", "-f", "data", "-"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout


def pull_codecs(folder, edge, name):
    path = folder / f"{name}-got.mkv"
    run("ffmpeg", "-v", "error", "-y", "-rtsp_transport", "tcp", "-i", edge.url(name, who=WHO + "@"), "-map", "0:v?", "-map", "0:a", "-t", "3", "-c",
        "copy", path)
    return path


def documents(edge, folder):
    """Two documents of metadata with the times when they came."""
    c = clients.Client(Seen(edge), folder)
    uri, found, part = edge.url("jpeg"), [], b""
    c.challenge(uri)
    _, sdp = c.signed("DESCRIBE", uri)
    check("m=application 0 RTP/AVP 98\r\na=rtpmap:98 vnd.onvif.metadata/90000\r\n" in sdp, sdp)
    headers, _ = c.signed("SETUP", f"{uri}/track2", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    c.session = headers["Session"].split(";")[0]
    c.signed("PLAY", uri)
    while len(found) < 2:
        channel, data = c.packet()
        if channel == 0:
            part += data[12:]
            if data[1] & 0x80:
                found.append((part.decode(), datetime.now(timezone.utc)))
                part = b""
    return found


def test_every_codec(folder):
    ca = authority(folder)
    clips = make_clips(folder)
    (folder / "metadata.xml").write_text(METADATA)
    with Served(folder, clips, "--metadata", folder / "metadata.xml", certificate=ca.issue("camera")) as edge:
        with ThreadPoolExecutor(3) as pool:
            got = dict(zip(clips, pool.map(lambda n: pull_codecs(folder, edge, n), clips)))
        found = documents(edge, folder)
    clients.round_and_round(clients.frame_hashes(clips["jpeg"], "v", True), clients.frame_hashes(got["jpeg"], "v", True), "JPEG")
    clients.round_and_round(clients.frame_hashes(clips["sounds"], "a:0"), clients.frame_hashes(got["sounds"], "a:0"), "Opus")
    for name, stream in (("jpeg", "a:0"), ("sounds", "a:1"), ("g726", "a:0")):
        heard, source = raw_sound(got[name], stream), raw_sound(clips[name], stream)
        check(len(heard) > 8000, f"{name} {stream}: only {len(heard)} bytes")
        check(heard[:6000] in 2 * source, f"{name} {stream}: not what the file holds")
    for text, came in found:
        times = re.findall(r'UtcTime="([^"]*)"', text)
        check(len(times) == 2 and times[0] == times[1], text)
        late = (came - datetime.fromisoformat(times[0].replace("Z", "+00:00"))).total_seconds()
        check(-0.1 < late < 2, f"the time of sending: {times[0]}, came at {came}")
        check(re.sub(r'UtcTime="[^"]*"', "", text) == re.sub(r'UtcTime="[^"]*"', "", METADATA), text)
    check(found[0][0] != found[1][0], "a new time in each")
    (folder / "none.xml").write_text("<html/>")
    p = custos("edge", "--listen", "127.0.0.1:0", "--plain-loopback-test", "--stream", f"cam={CARS}", "--metadata", folder / "none.xml", ok=1)
    check("MetadataStream" in p.stderr, p.stderr)


main(globals())
