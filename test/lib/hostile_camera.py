# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts for a ScriptedCamera (scripted_camera.py) that wants to take the recorder's time, memory or disk from other cameras, and a
crowd of such cameras.

Each script is {name: script}; what it sends is made beforehand, so that sending costs this side little. All end when the camera is stopped,
or when the recorder hangs up.
"""
import os
import struct
import time
from pathlib import Path

from custos_site import ENV, USER, check, password_file
from scripted_camera import ScriptedCamera, access_units, payloads, sdp

SSRC = 0x0BADCAFE
# One worker, with little memory for footage on its way to the disk.
CONFIG = "[recorder]\nworkers = 1\nchunk_memory_mb = 32\nidle_timeout_ms = 4000\ncamera_mbit_max = {}\n"
GROWTH_MAX = 112 << 20
# What the address sanitizer keeps of freed memory would hide how a worker grows.
ENV["ASAN_OPTIONS"] = ":".join(filter(None, (ENV.get("ASAN_OPTIONS"), "quarantine_size_mb=8")))


def rtp(sequence, timestamp, marker, payload, channel=0):
    packet = struct.pack(">BBHII", 0x80, 96 | 0x80 * marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, SSRC) + payload
    return b"$" + struct.pack(">BH", channel, len(packet)) + packet


def pour(blob, session):
    """The same again and again, as fast as it is taken."""
    while not session.camera.done:
        session.send(blob)


def first_picture(session):
    """So that the gate for key frames is open, and what comes then goes all the way; the next sequence number."""
    nals = access_units(session.camera.clip)[0]
    parts = [p for nal in nals for p in payloads(nal)]
    session.send(b"".join(rtp(60000 + i, 0, i == len(parts) - 1, part) for i, part in enumerate(parts)))
    return 60000 + len(parts)


def packets(payload, each, count=65536):
    """All sequence numbers once, so that the next round follows on; a picture every `each` packets."""
    return b"".join(rtp(i, 3600 * (i // each + 1), i % each == each - 1, payload) for i in range(count))


def media(blob):
    def play(session):
        first_picture(session)
        pour(blob, session)
    return {"media": play}


def after_play(blob):
    """Bytes that are no picture, behind an accepted PLAY."""
    return {"media": lambda session: pour(blob, session)}


def bit_rate_bomb():
    """Pictures of 120 KB that never end, as fast as the recorder takes them."""
    return media(packets(b"\x41" + os.urandom(1200), 100, 16384))


def tiny_nals():
    """NAL units of one byte, a packet each."""
    return media(packets(b"\x41", 500))


def endless_unit():
    """Fragments (FU-A) of a unit that is never finished."""
    start, payload = b"\x5c\x85" + os.urandom(60000), b"\x5c\x05" + os.urandom(60000)

    def play(session):
        number = first_picture(session)
        session.send(rtp(number, 3600, False, start))
        while not session.camera.done:
            number += 1
            session.send(rtp(number, 3600, False, payload))
    return {"media": play}


def other_channels():
    """Frames of the largest size on channels that nobody asked for."""
    return after_play(b"".join(b"$" + struct.pack(">BH", 2 + i % 200, 65535) + bytes(65535) for i in range(64)))


def garbage():
    """Neither RTSP nor frames."""
    return after_play(b"\x00\xffnothing of any kind " * 50000)


def answers():
    """Answers that nobody asked for: 401, with a challenge."""
    return after_play(b'RTSP/1.0 401 Unauthorized\r\nCSeq: 9\r\nWWW-Authenticate: Digest realm="x", nonce="1"\r\n\r\n' * 5000)


def requests():
    """Requests to the recorder, each of which it answers; the answers are not read."""
    return after_play(b"OPTIONS rtsp://recorder/ RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 5000)


def small_records():
    """A TLS record for each byte."""
    def play(session):
        while not session.camera.done:
            session.send(b"\x00")
    return {"media": play}


def huge_description():
    """Half a gigabyte of SDP, announced and sent."""
    def describe(session, request):
        session.send(f"RTSP/1.0 200 OK\r\nCSeq: {request.cseq}\r\nContent-Type: application/sdp\r\nContent-Length: 500000000\r\n\r\n")
        pour(b"a=x:" + b"y" * 1000 + b"\r\n", session)
    return {"DESCRIBE": describe}


def unannounced_description():
    """An SDP of the largest size that is read, of nothing but attributes."""
    return {"DESCRIBE": lambda s, r: s.answer(r, headers=["Content-Type: application/sdp"], body="v=0\r\n" + "a=x\r\n" * 12000)}


def thousand_tracks():
    text = sdp() + "m=video 0 RTP/AVP 96\r\n" * 1000
    return {"DESCRIBE": lambda s, r: s.answer(r, headers=["Content-Type: application/sdp"], body=text)}


def endless_headers():
    def options(session, request):
        session.send(f"RTSP/1.0 200 OK\r\nCSeq: {request.cseq}\r\n")
        pour(b"X-More: " + b"z" * 200 + b"\r\n", session)
    return {"OPTIONS": options}


def endless_line():
    return {"OPTIONS": lambda session, request: pour(b"R" * 65536, session)}


def flood_401():
    """Each request is refused with a new challenge, stale or not; and again after each connection."""
    def refuse(session, request):
        session.answer(request, "401 Unauthorized", [f'WWW-Authenticate: Digest realm="{os.urandom(8).hex()}", nonce="{os.urandom(8).hex()}", '
                                                     'algorithm=SHA-256, qop="auth", stale=true'] * 8)
    return {"*": refuse}


def slow_answer():
    """One byte a second."""
    return {"OPTIONS": lambda s, r: s.slowly(s.text(r), 1)}


def half_open():
    """The connection is taken, and nothing said."""
    return {"accept": lambda session: bool(session.camera.sleep(60))}


def half_a_handshake():
    """The beginning of a TLS record that never goes on."""
    def accept(session):
        session.send(b"\x16\x03\x03\x40\x00")
        session.camera.sleep(60)
        return False
    return {"accept": accept}


def endless_handshake():
    """TLS records of handshake messages that mean nothing (HelloRequest) and have no end."""
    return {"accept": lambda session: pour(b"\x16\x03\x03\x40\x00" + bytes(0x4000), session)}


def frames_before_play():
    """Frames, and answers to nothing, instead of the answer that is waited for."""
    return {"DESCRIBE": lambda session, request: pour(b"$\x00\xff\xff" + bytes(65535), session),
            "OPTIONS": lambda session, request: session.standard(request)}


PLAYING = (bit_rate_bomb, tiny_nals, endless_unit, other_channels, garbage, answers, requests, small_records)
TALKING = (huge_description, unannounced_description, thousand_tracks, endless_headers, endless_line, flood_401, slow_answer, half_open,
           half_a_handshake, endless_handshake, frames_before_play)


# ---- a crowd ----

def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) << 10
    return 0


class Crowd:
    """Cameras of these scripts in the site, and how large the worker became."""

    def __init__(self, site, folder, scripts):
        self.site, self.folder = site, folder
        self.cameras = {f"{script.__name__.replace('_', '-')}": script for script in scripts}
        self.pid = site.pids()["worker.0"]
        self.before = self.most = resident(self.pid)

    def __enter__(self):
        certificate = self.site.camera_certificate("crowd")
        self.cameras = {name: ScriptedCamera(certificate, script()) for name, script in self.cameras.items()}
        for name, camera in self.cameras.items():
            self.site.add(name, camera.url(), USER, password_file(self.folder))
        return self

    def __exit__(self, *_):
        for camera in self.cameras.values():
            camera.done = True
        for camera in self.cameras.values():
            camera.stop()

    def stand(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            time.sleep(0.1)

    def look(self):
        check(self.site.pids().get("worker.0") == self.pid, f"the worker lives: {self.site.log()[-3000:]}")
        self.most = max(self.most, resident(self.pid))
        check(self.most - self.before < GROWTH_MAX, f"the worker grew from {self.before >> 20} to {self.most >> 20} MiB")

    def error(self, name):
        return self.site.stream(f"{name}-main").get("error", "")
