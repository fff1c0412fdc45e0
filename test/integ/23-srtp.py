#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""SRTP from a camera that is not ours: GStreamer's rtsp-server with the profile RTP/SAVP, which tells its keys as MIKEY.

Interleaved and by UDP every NAL unit is as in the source. Without TLS nothing is played. A relay that holds a certificate
for the camera's address, so that TLS says nothing against it, alters and repeats packets: none of them gets in, and they are
counted. So are packets that somebody forges by UDP.
"""
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site  # noqa: E402
from ingest_peers import (CARS, PROBE, SENTINEL, START_CARS, STEP_CARS, UNITS, Camera, check, compare_audio, compare_clocks,  # noqa: E402
                          compare_video, make_ca, make_leaf, nal_hashes, need_gstreamer, probe, run, samples, skip)

CM = "aes-128-icm"  # with HMAC-SHA1-80: AES_CM_128_HMAC_SHA1_80
EVERY = 20  # packets: one of so many is altered, and another one sent twice


class Relay:
    """TLS on both sides; passes everything on, but for what it does to the RTP packets of channel 0."""

    def __init__(self, cert, port):
        self.inner = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.inner.check_hostname, self.inner.verify_mode = False, ssl.CERT_NONE
        self.outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.outer.load_cert_chain(cert)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsps://127.0.0.1:{self.listener.getsockname()[1]}/main"
        self.port, self.seen, self.altered, self.repeated, self.cleared = port, 0, 0, 0, 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        plain, _ = self.listener.accept()
        with self.outer.wrap_socket(plain, server_side=True) as client, \
                self.inner.wrap_socket(socket.create_connection(("127.0.0.1", self.port))) as camera:
            # One request, one answer until PLAY: no two threads on one TLS connection.
            playing = False
            while not playing:
                request = client.recv(65536)
                if not request:
                    return
                camera.sendall(request)
                playing = request.startswith(b"PLAY")
                if not playing:
                    client.sendall(self.answer(camera))
            self.pass_on(client, camera)

    @staticmethod
    def answer(camera):
        data = b""
        while b"\r\n\r\n" not in data:
            data += camera.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"Content-Length: (\d+)", head)
        while length and len(body) < int(length[1]):
            more = camera.recv(65536)
            body, data = body + more, data + more
        return data

    def pass_on(self, client, camera):
        data = b""
        try:
            while more := camera.recv(65536):
                data += more
                out = b""
                while len(data) >= 4:
                    if data[0:1] != b"$":
                        end = data.find(b"\r\n\r\n")
                        if end < 0:
                            break
                        out, data = out + data[:end + 4], data[end + 4:]
                        continue
                    n = 4 + int.from_bytes(data[2:4], "big")
                    if len(data) < n:
                        break
                    out, data = out + self.frame(data[:n]), data[n:]
                client.sendall(out)
        except OSError:
            pass  # the probe has seen enough

    def frame(self, frame):
        if frame[1] != 0:
            return frame
        self.seen += 1
        if self.seen % EVERY == 7:
            self.altered += 1
            at = 4 + 12 + (self.seen * 7) % (len(frame) - 16)  # in the payload or the tag
            return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1:]
        if self.seen % EVERY == 13:
            self.repeated += 1
            return frame + frame
        if self.seen % EVERY == 17:
            self.cleared += 1  # as if it were RTP that nobody protected, under the next number
            sequence = (int.from_bytes(frame[6:8], "big") + 1) & 0xffff
            forged = frame[4:6] + sequence.to_bytes(2, "big") + frame[8:16] + b"\x41" + bytes(99)
            return frame + b"$\0" + len(forged).to_bytes(2, "big") + forged
        return frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def counted(told):
    line = [line for line in told.splitlines() if line.startswith("counted ")][-1]
    return {k: int(v) for k, v in (pair.split("=") for pair in line.split()[1:])}


def streams(folder, url, ca, what, *words):
    code, lines, told = probe(folder, url, ca, *words, units=3 * UNITS)
    check(code == 0 and lines[0] == START_CARS, f"{what}: it streams, verified ({lines[0]})")
    video = compare_video(lines, CARS, what, STEP_CARS)
    compare_audio(lines, CARS, what)
    compare_clocks(video, what)
    check(counted(told)["bad"] == 0, f"{what}: each packet authenticated")


def test_good(folder, ca, cert):
    with Camera(folder, cert, CARS, audio=True, srtp=CM) as camera, ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(streams, folder, camera.url, ca, *words) for words in (
            ("SRTP, interleaved",), ("SRTP, interleaved, paced", "paced"), ("SRTP, UDP", "udp"))]
        for job in jobs:
            job.result()
        check(camera.log().count("request TEARDOWN authorization=Digest") == 3, "each session was torn down")


def test_gcm(folder, ca, cert):
    with Camera(folder, cert, CARS, audio=True, srtp="aes-128-gcm") as a, Camera(folder, cert, CARS, audio=True, srtp="aes-256-gcm") as b, \
            ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(streams, folder, a.url, ca, "AEAD_AES_128_GCM, UDP", "udp"),
                pool.submit(streams, folder, b.url, ca, "AEAD_AES_256_GCM, interleaved")]
        for job in jobs:
            job.result()


def test_without_tls(folder, ca):
    with Camera(folder, None, CARS, srtp=CM) as camera:
        url = f"rtsp://127.0.0.1:{camera.port}/main"
        for words in (("plain",), ("plain", "udp")):
            code, lines, told = probe(folder, url, ca, *words)
            check(code == 2 and lines[-1].startswith("lost srtp-keys-in-clear "), f"SRTP, {' '.join(words)}: {lines[-1]}")
            check(len(lines) == 1, "and nothing was played")
            check("mikey" not in told.lower(), "and nothing is said of the keys")
        check(not any("SETUP" in line or "PLAY" in line for line in camera.log()), "the camera heard neither SETUP nor PLAY")


def test_altered(folder, ca, cert):
    source = {h for s in samples(CARS, "v") for h in nal_hashes(s)}
    with Camera(folder, cert, CARS, srtp=CM) as camera, Relay(cert, camera.port) as relay:
        code, lines, told = probe(folder, relay.url, ca)
        video = [line.split() for line in lines if line.startswith("unit 0 ")]
        check(code == 0 and len(video) == UNITS, f"relay: {len(video)} pictures come through")
        check(relay.altered > 5 and relay.repeated > 5 and relay.cleared > 5,
              f"relay: altered {relay.altered}, repeated {relay.repeated}, forged {relay.cleared}")
        check(all(h in source for u in video for h in u[6].split(",")), "relay: nothing that was altered got in")
        n, done = counted(told), relay.altered + relay.repeated + relay.cleared
        # The newest may still have been under way when the probe had its pictures.
        check(done - 3 * (1 + 64 // EVERY) <= n["bad"] <= done, f"relay: {n['bad']} of {done} packets are counted as bad")
        check(any(u[4] == "lost" for u in video), "relay: what is missing is told")


def test_forged_datagrams(folder, ca, cert):
    """From the camera's own address, so that only SRTP can tell."""
    source = {h for s in samples(CARS, "v") for h in nal_hashes(s)}
    with Camera(folder, cert, CARS, srtp=CM) as camera:
        command = [str(c) for c in (PROBE, camera.url, ca, "viewer", folder / "password", UNITS, "udp")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            told, port = [], threading.Event()

            def listen():
                for line in process.stderr:
                    told.append(line)
                    if line.startswith("port "):
                        port.set()

            def forge():
                sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                to = ("127.0.0.1", int(next(line for line in told if line.startswith("port ")).split()[1]))
                for i in range(100):
                    rtp = b"\x80\x60" + i.to_bytes(2, "big") + os.urandom(8) + b"\x41" + os.urandom(200)
                    sender.sendto(rtp, to)
                    sender.sendto(b"\x80\xc8\0\6" + os.urandom(40), (to[0], to[1] + 1))
                    port.clear()
                    port.wait(0.02)

            listener = threading.Thread(target=listen, daemon=True)
            listener.start()
            check(port.wait(20), "UDP: the probe has a port")
            forger = threading.Thread(target=forge, daemon=True)
            forger.start()
            out, _ = process.stdout.read(), process.wait(timeout=60)
            listener.join(10)
        video = [line.split() for line in out.splitlines() if line.startswith("unit 0 ")]
        check(process.returncode == 0 and len(video) == UNITS, f"UDP: {len(video)} pictures come through")
        check(all(h in source for u in video for h in u[6].split(",")), "UDP: nothing that was forged got in")
        check(counted("".join(told))["bad"] >= 150, f"UDP: forged packets are counted ({told[-1].strip()})")


def test_recorded(folder):
    """By the whole system: the worker opens its sessions behind its sandbox."""
    site = Site(folder, config="[recorder]\nsegment_s = 4\nfragment_ms = 500\n")
    try:
        site.start()
        chain, key = site.camera_certificate("camera")
        both = folder / "recorded.pem"
        both.write_text(chain.read_text() + key.read_text())
        with Camera(folder, both, CARS, audio=True, srtp=CM) as camera:
            (folder / "password").chmod(0o600)
            site.add("srtp", camera.url, "viewer", folder / "password")
            site.wait_recording("srtp-main")
            time.sleep(3)
            state = site.stream("srtp-main")
            site.stop()
        check(state["protection"] == "encrypted and verified" and state["lost_packets"] == 0, f"recorded: {state}")
        check(site.segments("srtp-main"), "recorded: there are segments")
        check("AQAF" not in site.log() and "mikey" not in site.log().lower(), "recorded: no key in any log")
    finally:
        site.clean()


def main():
    need_gstreamer()
    try:
        run("gst-inspect-1.0", "srtpenc")
    except (OSError, subprocess.CalledProcessError):
        skip("GStreamer's SRTP plugin is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "password").write_bytes(SENTINEL + b"\n")
        ca = make_ca(folder, "site")
        cert = make_leaf(folder, "good", ca, "IP:127.0.0.1")
        test_without_tls(folder, ca[1])
        with ThreadPoolExecutor(5) as pool:  # clips play in real time
            jobs = [pool.submit(t, folder, ca[1], cert) for t in (test_good, test_gcm, test_altered, test_forged_datagrams)]
            jobs.append(pool.submit(test_recorded, folder))
            for job in jobs:
                job.result()
    print("all well")


if __name__ == "__main__":
    main()
