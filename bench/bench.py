#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recorded camera costs: CPU time and memory of Custos at several numbers of cameras, beside `ffmpeg -c copy`.

The cameras are `custos edge` processes, 1080p25 H.264 at 4 Mbit/s over RTSPS, on core 0; what is measured runs on core 1.
The table goes to standard output and to DIR/result.md, all figures to DIR/result.json. bench/README.md says what is counted and what not.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAMERA_CORE, RECORDER_CORE = 0, 1
RATE, BITRATE, CLIP_S = 25, "4M", 12
EDGES_MAX = 8           # cameras are spread over so many processes, which begin at different times
JSON_MESSAGE = 100      # docs/spec/link.md
CHECKED_MAX = 32        # cameras whose frames are counted one by one


class BenchError(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode:
        raise BenchError(f"{' '.join(str(c) for c in command[:4])} … ended with {done.returncode}: "
                         f"{done.stderr.decode(errors='replace').strip()[-600:]}")
    return done.stdout


def wait_for(what, seconds, test):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.2)
    raise BenchError(f"{what}: not within {seconds} s")


def forget(folder):
    """Deletes recordings. The next measurement is not to pay for it: a file system that discards what is freed is busy for seconds."""
    if folder.exists():
        shutil.rmtree(folder)
        os.sync()
        time.sleep(3)


# ---- what the cameras send ----

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


# ---- processes ----

class Process:
    def __init__(self, core, command, log, cwd=None):
        self.log = open(log, "wb")
        self.popen = subprocess.Popen(["taskset", "-c", str(core)] + [str(c) for c in command], stdin=subprocess.DEVNULL,
                                      stdout=self.log, stderr=subprocess.STDOUT, cwd=cwd)
        self.pid = self.popen.pid   # taskset becomes the command

    def alive(self):
        return self.popen.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=15):
        if self.alive():
            self.popen.send_signal(number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


class Cameras:
    """`custos edge` for n cameras; targets is a list of (name, url)."""

    def __init__(self, bench, n, per_packet):
        self.edges, self.targets = [], []
        count = min(n, EDGES_MAX)
        try:
            for i in range(count):
                share = n // count + (i < n % count)
                self.start(bench, i, share, per_packet)
                time.sleep(0.13)    # key frames of different edges do not fall together
        except BaseException:
            self.stop()
            raise

    def start(self, bench, i, share, per_packet):
        port_file = bench.dir / f"edge{i}.port"
        port_file.unlink(missing_ok=True)
        name = f"e{i}c"
        command = [bench.custos, "edge", "--listen", "127.0.0.1:0", "--cert", bench.cert, "--key", bench.key,
                   "--stream", f"{name}={bench.clip}", "--count", share, "--stamp", "--port-file", port_file]
        edge = Process(CAMERA_CORE, command + (["--record-per-packet"] if per_packet else []), bench.dir / f"edge{i}.log")
        self.edges.append(edge)
        wait_for(f"edge {i}", 10, lambda: port_file.exists() or not edge.alive())
        if not edge.alive():
            raise BenchError(f"edge {i} did not start: see {bench.dir}/edge{i}.log")
        port = int(port_file.read_text())
        self.targets += [(f"{name}{k}", f"rtsps://127.0.0.1:{port}/{name}{k}") for k in range(share)]

    def late(self, bench):
        """How often an edge could not keep its pace: then the cameras, not the recorder, were the limit."""
        return sum((bench.dir / f"edge{i}.log").read_text(errors="replace").count("edge.late") for i in range(len(self.edges)))

    def stop(self):
        for edge in self.edges:
            edge.stop()


def descendants(pid):
    found = [pid]
    for at in found:
        for task in Path(f"/proc/{at}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def role(pid):
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    name = words[1].decode() if len(words) > 1 else "?"
    return "supervisor" if name == "run" else name


def cpu_ms(pid):
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    return int(fields[11]) * tick, int(fields[12]) * tick


def exact_cpu_ms(pid):
    """The same sum in nanoseconds, where the kernel keeps it; a tick is too coarse for one camera."""
    try:
        return sum(int(t.read_text().split()[0]) for t in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6
    except OSError:
        return 0


def memory_kb(pid):
    """(kB, how): PSS where it may be read, else anonymous memory."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]), "PSS"
    except OSError:
        pass
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]), "RssAnon"
    raise BenchError(f"process {pid} has no memory figure")


def core_busy_ms(core):
    """All of a core's time that is not idle, whoever it was for."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            v = [int(x) for x in line.split()[1:]]
            return (sum(v[:8]) - v[3] - v[4] - v[7]) * 1000 / os.sysconf("SC_CLK_TCK")
    return 0


class Snapshot:
    def __init__(self, pids):
        self.time = time.monotonic()
        self.ticks = {p: cpu_ms(p) for p in pids}
        self.exact = {p: exact_cpu_ms(p) for p in pids}
        self.core = core_busy_ms(RECORDER_CORE)


def measure(find_pids, names, cameras, seconds):
    """CPU and memory of the processes over a window; they must be the same ones at its end."""
    pids = find_pids()
    first = Snapshot(pids)
    memory, how = [], "PSS"
    step = seconds / 5
    for i in range(5):
        time.sleep(max(0, first.time + (i + 0.5) * step - time.monotonic()))
        read = [memory_kb(p) for p in pids]
        memory.append(sum(kb for kb, _ in read))
        how = read[0][1]
    time.sleep(max(0, first.time + seconds - time.monotonic()))
    if find_pids() != pids:
        raise BenchError("a process ended while it was measured")
    last = Snapshot(pids)
    window = last.time - first.time
    user = sum(last.ticks[p][0] - first.ticks[p][0] for p in pids)
    system = sum(last.ticks[p][1] - first.ticks[p][1] for p in pids)
    exact = {p: last.exact[p] - first.exact[p] for p in pids}
    total = sum(exact.values()) or user + system
    shares = {}
    for p in pids:
        shares[names(p)] = shares.get(names(p), 0) + exact[p] / window / cameras
    return {"seconds": round(window, 2), "cpu_ms": total / window / cameras, "user_ms": user / window / cameras,
            "system_ms": system / window / cameras, "core_ms": (last.core - first.core) / window / cameras,
            "memory_kb": sum(memory) / len(memory), "memory_how": how, "shares_ms": shares}


# ---- Custos ----

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
    def __init__(self, bench, name):
        self.state = bench.dir / f"state-{name}"
        forget(self.state)
        shutil.copytree(bench.site, self.state)
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


def bench_custos(bench, n, per_packet, seconds):
    name = f"{n}{'-per-packet' if per_packet else ''}"
    say(f"custos, {n} cameras, {'a TLS record for each packet' if per_packet else 'large TLS records'}: {seconds} s")
    cameras = Cameras(bench, n, per_packet)
    recorder = None
    try:
        recorder = Recorder(bench, name)
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
    if not bench.keep:
        forget(recorder.state)
    result.update(what="Custos, a TLS record per packet" if per_packet else "Custos, large TLS records", cameras=n)
    return result


# ---- ffmpeg ----

def bench_ffmpeg(bench, n, seconds):
    say(f"ffmpeg -c copy, {n} cameras: {seconds} s")
    folder = bench.dir / f"ffmpeg-{n}"
    forget(folder)
    folder.mkdir()
    cameras = Cameras(bench, n, False)
    running = []
    try:
        for name, url in cameras.targets:
            running.append(Process(RECORDER_CORE, ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url,
                                                   "-c", "copy", "-f", "segment", "-segment_time", "60", "-segment_format", "mp4",
                                                   folder / f"{name}-%03d.mp4"], folder / f"{name}.log"))
        wait_for("ffmpeg", 60 + n, lambda: all(list(folder.glob(f"{name}-*.mp4")) for name, _ in cameras.targets))
        time.sleep(bench.warm_up)
        result = measure(lambda: [p.pid for p in running if p.alive()], lambda pid: "ffmpeg", n, seconds)
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
    result.update(what="`ffmpeg -c copy`", cameras=n)
    return result


# ---- result ----

def machine(bench):
    def first(path, key):
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return "?"
    mount = run("findmnt", "-n", "-o", "SOURCE,FSTYPE", "-T", bench.dir).decode().split()
    version = run("ffmpeg", "-version").decode().split()[2]
    load = os.getloadavg()
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "cpu": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "kernel": platform.release(),
            "memory": f"{int(first('/proc/meminfo', 'MemTotal').split()[0]) / (1 << 20):.0f} GiB", "disk": " ".join(mount),
            "custos": run(bench.custos, "--version").decode().splitlines()[0], "ffmpeg": version, "load_before": round(load[0], 2)}


def lost_text(r):
    checked = r.get("checked")
    parts = []
    if checked:
        parts.append(f"{checked['missing']} of {checked['frames']} ({checked['cameras']} cam.)")
    else:
        parts.append("not counted")
    if "lost_packets" in r:
        parts.append(f"{r['lost_packets']} RTP packets")
    return "; ".join(parts)


def table(facts, results):
    lines = [f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores, {facts['memory']}; kernel {facts['kernel']}; disk {facts['disk']}; "
             f"{facts['custos']}; ffmpeg {facts['ffmpeg']}; load before {facts['load_before']}. 1080p25 H.264, 4 Mbit/s, key frame every "
             f"{facts['gop']} frames; cameras on core {CAMERA_CORE}, the recorder on core {RECORDER_CORE}.", "",
             "| recorder | cameras | CPU-ms per camera-second | of it user + system | core busy, ms | memory per camera, MB | memory in all, MB | frames lost |",
             "|---|---|---|---|---|---|---|---|"]
    for r in results:
        lines.append(f"| {r['what']} | {r['cameras']} | **{r['cpu_ms']:.2f}** | {r['user_ms']:.2f} + {r['system_ms']:.2f} | {r['core_ms']:.2f} | "
                     f"{r['memory_kb'] / 1024 / r['cameras']:.2f} | {r['memory_kb'] / 1024:.1f} | {lost_text(r)} |")
    how = sorted({r["memory_how"] for r in results})
    lines += ["", f"Memory is {' or '.join(how)}, summed over the processes, mean of five readings.", "",
              "| Custos, by process | cameras | " + " | ".join(ROLES) + " |", "|---|---|" + "---|" * len(ROLES)]
    for r in results:
        if r["what"].startswith("Custos"):
            lines.append(f"| {r['what']} | {r['cameras']} | " + " | ".join(f"{r['shares_ms'].get(x, 0):.3f}" for x in ROLES) + " |")
    for r in results:
        rate = r["counters"]["units"] / r["seconds"] / r["cameras"] if "counters" in r else RATE
        if abs(rate - RATE) > RATE * (0.03 + 2.2 / r["seconds"]):  # counters are up to 2 s old
            lines.append(f"\nWarning: {r['what']}, {r['cameras']} cameras: {rate:.1f} frames per second and camera arrived, {RATE} were to be sent.")
        if r["late"]:
            lines.append(f"\nWarning: {r['what']}, {r['cameras']} cameras: the cameras were late {r['late']} times; they, not the recorder, were the limit.")
        if r.get("reconnects"):
            lines.append(f"\nWarning: {r['what']}, {r['cameras']} cameras: {r['reconnects']} reconnects.")
    return "\n".join(lines) + "\n"


ROLES = ("worker", "parent", "sealer", "connector", "manager", "supervisor")


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="a smoke run: 1 and 8 cameras, a few seconds each")
    p.add_argument("--custos", default=ROOT / "build/release/src/custos", type=Path, help="the program to measure")
    p.add_argument("--dir", default=ROOT / "build/bench", type=Path, help="work directory, on the disk to be measured")
    p.add_argument("--cameras", default="1,32,256", help="numbers of cameras, by commas")
    p.add_argument("--ffmpeg", default="1,32", help="numbers of cameras for ffmpeg, by commas; empty: none")
    p.add_argument("--records", default="large,per-packet", help="TLS records of the cameras: large, per-packet")
    p.add_argument("--seconds", default=30, type=float, help="measuring window; at 256 cameras and more 60, which holds one new segment of each")
    p.add_argument("--warm-up", default=8, type=float, help="seconds from the moment that all cameras are recorded")
    p.add_argument("--gop", default=25, type=int, help="frames from key frame to key frame")
    p.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="a line for [recorder] in the settings")
    p.add_argument("--keep", action="store_true", help="leave the recordings in DIR")
    return p.parse_args()


def numbers(text):
    return [int(x) for x in text.split(",") if x]


def prepare(bench):
    if os.cpu_count() < 2:
        raise BenchError("two cores are needed: one for the cameras, one for the recorder")
    if bench.quick:
        bench.cameras, bench.ffmpeg, bench.seconds, bench.warm_up = "1,8", "1", 5, 2
    bench.dir.mkdir(parents=True, exist_ok=True)
    bench.settings = "".join(s.replace("=", " = ", 1) + "\n" for s in bench.setting)
    bench.clip = make_clip(bench.dir, bench.gop)
    bench.cert, bench.key, bench.site = make_site(bench.custos, bench.dir)


def main():
    bench = parse()
    results = []
    prepare(bench)
    facts = machine(bench)
    facts["gop"] = bench.gop
    for records in bench.records.split(","):
        for n in numbers(bench.cameras):
            results.append(bench_custos(bench, n, records == "per-packet", bench.seconds if n < 256 else max(60, bench.seconds)))
    for n in numbers(bench.ffmpeg):
        results.append(bench_ffmpeg(bench, n, bench.seconds))
    text = table(facts, results)
    (bench.dir / "result.md").write_text(text)
    (bench.dir / "result.json").write_text(json.dumps({"machine": facts, "results": results}, indent=2) + "\n")
    print(text, end="")
    return 1 if any((r.get("checked") or {}).get("missing") for r in results if r["what"].startswith("Custos")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as e:
        say(f"bench: {e}")
        sys.exit(2)
