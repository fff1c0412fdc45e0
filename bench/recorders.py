# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: Custos, and beside it the recorders that people use today, each with the same cameras."""
import json
import shutil
import signal
import socket
import struct
import subprocess
import time

from cameras import Cameras
from common import RECORDER_CORE, BenchError, Process, descendants, forget, measure, role, say, wait_for

JSON_MESSAGE = 100      # docs/spec/link.md
CHECKED_MAX = 32        # cameras whose frames are counted one by one


class Link:
    """JSON messages to the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.id = 0

    def ask(self, kind, body):
        self.id += 1
        request = json.dumps({"v": 1, "id": self.id, "type": kind, "body": body})
        self.socket.send(struct.pack(">H", JSON_MESSAGE) + request.encode())
        answer = json.loads(self.socket.recv(1 << 18)[2:])
        if answer["type"] != "answer":
            raise BenchError(f"{kind}: {answer.get('text')}")
        return answer["body"]

    def streams(self):
        found, after = [], ""
        while True:
            body = self.ask("status", {"after": after})
            page = (body["recorder"] or {}).get("streams", [])
            found += page
            if not page or not body["recorder"]["more"]:
                return found
            after = page[-1]["stream"]


class Recorder:
    def __init__(self, bench, name, prepare=None):
        """prepare: called with the state directory before anything runs there."""
        self.state = bench.dir / f"state-{name}"
        forget(self.state)
        shutil.copytree(bench.site, self.state)
        if prepare:
            prepare(self.state)
        config = bench.dir / "custos.ini"
        config.write_text("[recorder]\nworkers = 1\n" + bench.settings)
        self.process = Process(RECORDER_CORE, [bench.custos, "run", "--state", self.state, "--config", config], bench.dir / f"run-{name}.log")
        try:
            self.link = wait_for("Custos", 20, self.connect)
        except BaseException:
            self.process.stop()
            raise

    def connect(self):
        if not self.process.alive():
            raise BenchError(f"custos run ended: see {self.process.log.name}")
        try:
            return Link(self.state / "control.sock")
        except OSError:
            return None

    def add(self, targets):
        for name, url in targets:
            self.link.ask("camera.add", {"name": name, "url": url})

    def wait(self, n):
        def recording():
            return sum(s["recording"] for s in self.link.streams()) == n
        try:
            wait_for(f"{n} cameras", 60 + n // 4, recording)
        except BenchError as e:
            bad = [s for s in self.link.streams() if not s["recording"]]
            raise BenchError(f"{e}; {len(bad)} are not recorded, the first: {bad[0]['stream']}: {bad[0]['error']}" if bad else str(e))

    def pids(self):
        return sorted(descendants(self.process.pid))

    def stop(self):
        self.process.stop(seconds=30)


def totals(streams):
    keys = ("bytes", "packets", "lost_packets", "units", "fragments", "connects")
    return {k: sum(s.get(k, 0) for s in streams) for k in keys}


def check_stamps(bench, files):
    """Frames counted by their stamps; None where the program could not say."""
    if not files:
        return None
    done = subprocess.run([str(bench.custos), "edge", "check-stamps", "--json"] + [str(f) for f in files], capture_output=True)
    if done.returncode > 1:
        say(f"check-stamps: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return None
    found = json.loads(done.stdout)
    return {"cameras": len(found["cameras"]), "frames": sum(c["frames"] for c in found["cameras"]),
            "missing": sum(c["missing"] + c["duplicates"] + c["out_of_order"] for c in found["cameras"]) + found["unstamped"]}


def check_custos(bench, recorder, targets):
    """Exports what was recorded and counts the frames of a number of cameras spread over all."""
    files = []
    step = max(1, len(targets) // CHECKED_MAX)
    for name, _ in targets[::step][:CHECKED_MAX]:
        clip = bench.dir / f"check-{name}.mp4"
        clip.unlink(missing_ok=True)
        done = subprocess.run([str(bench.custos), "export", "--state", str(recorder.state), "--camera", name, "--last", "600",
                               "--output", str(clip)], capture_output=True)
        if done.returncode or not clip.exists():
            say(f"export of {name}: {done.stderr.decode(errors='replace').strip()[-300:]}")
            break
        files.append(clip)
    checked = check_stamps(bench, files)
    for clip in files:
        clip.unlink()
    return checked


def bench_custos(bench, n, links, seconds, after_run=None):
    """after_run: called with the state directory of the recorder that has ended, before it is deleted."""
    say(f"custos, {n} cameras, {'a TLS record for each packet' if links == 'per-packet' else 'large TLS records'}: {seconds} s")
    cameras = Cameras(bench, n, links)
    recorder = None
    try:
        recorder = Recorder(bench, f"{n}-{links}")
        recorder.add(cameras.targets)
        recorder.wait(n)
        time.sleep(bench.warm_up)
        before = totals(recorder.link.streams())
        result = measure(recorder.pids, role, n, seconds)
        after = totals(recorder.link.streams())
        recorder.stop()
        result["counters"] = {k: after[k] - before[k] for k in after}
        result["lost_packets"] = after["lost_packets"]
        result["reconnects"] = after["connects"] - n
        result["checked"] = check_custos(bench, recorder, cameras.targets)
        result["late"] = cameras.late(bench)
    finally:
        if recorder:
            recorder.stop()
        cameras.stop()
    if after_run:
        result["after"] = after_run(bench, recorder.state, n)
    if not bench.keep:
        forget(recorder.state)
    result.update(what="Custos, a TLS record per packet" if links == "per-packet" else "Custos, large TLS records", cameras=n)
    return result


# ---- what people use today: one process for each camera, in the clear ----

def ffmpeg(url, folder, name):
    return ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", "-f", "segment",
            "-segment_time", "60", "-segment_format", "mp4", folder / f"{name}-%03d.mp4"]


def gstreamer(url, folder, name):
    return ["gst-launch-1.0", "-q", "-e", "rtspsrc", f"location={url}", "protocols=tcp", "latency=0", "!", "rtph264depay", "!",
            "h264parse", "!", "splitmuxsink", f"location={folder}/{name}-%03d.mp4", "max-size-time=60000000000"]


PEERS = {"ffmpeg": ("`ffmpeg -c copy`, in the clear", ffmpeg), "gstreamer": ("GStreamer `splitmuxsink`, in the clear", gstreamer)}


def bench_peer(bench, peer, n, seconds):
    what, command = PEERS[peer]
    say(f"{peer}, {n} cameras: {seconds} s")
    folder = bench.dir / f"{peer}-{n}"
    forget(folder)
    folder.mkdir()
    cameras = Cameras(bench, n, "plain")
    running = []
    try:
        for name, url in cameras.targets:
            running.append(Process(RECORDER_CORE, command(url, folder, name), folder / f"{name}.log"))
        wait_for(peer, 60 + n, lambda: all(list(folder.glob(f"{name}-*.mp4")) for name, _ in cameras.targets))
        time.sleep(bench.warm_up)
        result = measure(lambda: [p.pid for p in running if p.alive()], lambda pid: peer, n, seconds)
        for p in running:
            p.popen.send_signal(signal.SIGINT)
        for p in running:   # a second signal would end it before its file is complete
            p.popen.wait(30)
        result["checked"] = check_stamps(bench, sorted(folder.glob("*.mp4")))
        result["late"] = cameras.late(bench)
    finally:
        for p in running:
            p.stop(signal.SIGINT)
        cameras.stop()
    if not bench.keep:
        forget(folder)
    result.update(what=what, cameras=n)
    return result
