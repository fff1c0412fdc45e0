#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""H.264 with G.711: the pictures are copied bit for bit, the sound becomes AAC and is the same tone. Pictures that are broken, or made to
break decoders, end nothing but their own transcoder.
"""
import json
import random
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Process
from custos_site import CARS, FIXTURES, ROOT, Program, Site, check, main, password_file, run, skip, wait_for
from frames import packets
from page import Page
from pictures import decodes, streams

BEGIN, END, MEDIA, TAKEN, OVER = 210, 211, 212, 213, 214
HEADER, FRAGMENT = 1, 2
ROUNDS = 40


class Camera(Program):
    """GStreamer's, with a file's H.264 and a tone of 440 Hz."""

    def __init__(self, folder, certificate):
        pem = folder / "gst.pem"
        pem.write_text(certificate[0].read_text() + certificate[1].read_text())
        self.user, self.password_file = "viewer", password_file(folder)
        run("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=440:duration=60", "-ar", "8000", "-c:a", "pcm_alaw", folder / "tone.wav")
        launch = (f"filesrc location={CARS} ! qtdemux name=d d.video_0 ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 "
                  f"filesrc location={folder}/tone.wav ! wavparse ! rtppcmapay name=pay1 pt=8")
        super().__init__(folder / "gst.log", ["/usr/bin/python3", ROOT / "test/lib/gst_camera.py", "--launch", launch, "--cert", pem,
                                              "--user", self.user, "--password-file", self.password_file])
        wait_for(lambda: "port " in self.log() or not self.alive(), 30, "GStreamer's rtsp-server listens")
        if "port " not in self.log():
            skip(f"GStreamer's rtsp-server does not start: {self.log()}")
        self.port = int(self.log().split("port ")[1].split()[0])

    def stop(self, seconds=20):
        self.kill()  # it ends by signals alone
        return 0


def test_sound_alone(folder):
    site = Site(folder)
    site.init()
    with site, Camera(folder, site.camera_certificate("gst")) as camera:
        site.add("gst", f"rtsps://127.0.0.1:{camera.port}/main", camera.user, camera.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("gst-main")
        watching = page.watch("gst-main", 4, query="?as=h264")
        told = watching.told("transcoded")
        check(len(told) == 1 and told[0]["from"].endswith(",alaw") and told[0]["to"].endswith(",mp4a.40.2"), f"{watching.texts}")
        check(told[0]["from"].split(",")[0] == told[0]["to"].split(",")[0], f"its pictures are as they were: {told}")
        path = watching.write(folder / "sound.mp4")
        decodes(path)
        kinds = {s["codec_type"]: s for s in streams(path)}
        check(kinds["audio"]["codec_name"] == "aac" and kinds["audio"]["sample_rate"] == "8000", f"{kinds['audio']}")
        got, source = packets(path), set(packets(CARS))
        check(len(got) > 40 and sum(h in source for h in got) > 0.9 * len(got), f"copied: {sum(h in source for h in got)} of {len(got)}")
        pcm = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-f", "s16le", "-"], capture_output=True, timeout=30).stdout
        samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)[4000:]
        crossings = sum(a < 0 <= b for a, b in zip(samples, samples[1:]))
        check(len(samples) > 8000 and abs(crossings * 8000 / len(samples) - 440) < 8, f"the tone: {crossings * 8000 / len(samples)} Hz")


# ---- hostile pictures, by the process itself: this program is its gateway ----

def boxes(data):
    at = 0
    while at < len(data):
        n = struct.unpack(">I", data[at:at + 4])[0]
        yield data[at + 4:at + 8], data[at:at + n]
        at += n


def things(data):
    """[(kind, bytes)] of a stream as it was watched."""
    found, open_ = [], b""
    for kind, box in boxes(data):
        open_ += box
        if kind in (b"moov", b"mdat"):
            found.append((HEADER if kind == b"moov" else FRAGMENT, open_))
            open_ = b""
    return found


class Transcoder:
    def __init__(self, folder, site, kind=1):
        self.process = Process(folder, site.state, "transcoder", arguments=site.options)
        self.channel, self.number = self.process.first, 0
        self.channel.send(BEGIN, struct.pack(">BH", kind, 0))

    def push(self, kind, data, key=False):
        for at in range(0, max(1, len(data)), 96 << 10):
            part = data[at:at + (96 << 10)]
            flags = (1 if key else 0) | (2 if at + len(part) < len(data) else 0)
            self.channel.send(MEDIA, struct.pack(">BBHIQq", 1, kind, flags, 1, self.number, 0) + part + bytes(16))
            self.number += 1

    def end(self):
        """How many things came out, and how it ended: "done", "refused", or what the kernel says."""
        out = 0
        self.channel.send(END)
        while True:
            kind, body = self.channel.receive()
            out += kind == MEDIA
            if kind == OVER:
                self.channel.end.close()
                self.process.ended()
                return out, "refused" if body else "done"


def test_hostile_pictures(folder):
    """No sanitizer speaks, none hangs or dies of a signal: it says that it is over. (Process.ended looks.)"""
    site = Site(folder)
    site.init()
    try:
        raw = (ROOT / "test/fuzz/corpus/transcode/h265").read_bytes()
        at, good = 1, []
        while at < len(raw):
            n = int.from_bytes(raw[at + 1:at + 4], "big")
            good.append((1 + (raw[at] & 15) % 3, raw[at + 4:at + 4 + n]))
            at += 4 + n
        check(good[0][0] == HEADER and len(good) > 5, "a stream that is good")

        def run_with(change):
            t = Transcoder(folder, site)
            for i, (kind, data) in enumerate(good):
                t.push(kind, change(i, data), key=kind == FRAGMENT and i == 1)
            return t.end()

        out, how = run_with(lambda i, data: data)
        check(how == "done" and out == len(good), f"as it is, it goes through: {out} of {len(good)} {how}")
        dice = random.Random(62)

        def flipped(i, data):
            data = bytearray(data)
            for _ in range(dice.randrange(1, 30) if i else 0):
                data[dice.randrange(data.index(b"mdat") + 4, len(data))] ^= 1 << dice.randrange(8)
            return bytes(data)

        ends = [run_with(flipped)[1] for _ in range(ROUNDS // 4)]
        check(set(ends) <= {"done", "refused"}, f"{ends}")
        files = sorted(p for p in (FIXTURES / "malformed").glob("h264-openh264/**/*") if p.is_file() and p.stat().st_size < 200000)
        for path in files[:ROUNDS // 4]:
            body = path.read_bytes()

            def replaced(i, data):
                if i == 0:
                    return data
                front = data[:data.index(b"mdat") + 4]
                size = len(data) - len(front)
                return front + (body * (size // max(1, len(body)) + 1))[:size]

            check(run_with(replaced)[1] in ("done", "refused"), f"{path}")
        check(run_with(lambda i, data: data[:-1] if i == 2 else data)[1] == "refused", "a fragment that is cut off is none")
        check(run_with(lambda i, data: data.replace(b"hvcC", b"hvcX"))[1] == "refused", "a header that Custos does not write is none")
        print(f"  {len(ends)} flipped, {len(files[:ROUNDS // 4])} malformed")
    finally:
        site.clean()


if __name__ == "__main__":
    main(globals())
