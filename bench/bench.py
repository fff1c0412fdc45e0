#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recorded camera costs: CPU time and memory of Custos at several numbers of cameras, beside ffmpeg and GStreamer.

The cameras are `custos edge` processes, 1080p25 H.264 at 4 Mbit/s over RTSPS, on core 0; what is measured runs on core 1.
The table goes to standard output and to DIR/result.md, its picture to DIR/result.svg, all figures to DIR/result.json.
bench/README.md says what is counted and what not.
"""
import argparse
import datetime
import json
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plot  # noqa: E402
from cameras import RATE, make_clip, make_site  # noqa: E402
from common import CAMERA_CORE, RECORDER_CORE, ROOT, BenchError, run, say  # noqa: E402
from page_figures import browser_figures, viewers_figures  # noqa: E402
from recorders import PEERS, bench_custos, bench_peer  # noqa: E402
from vault_figures import check_figures, index_figures  # noqa: E402

ROLES = ("worker", "parent", "sealer", "connector", "volume", "scrubber", "porter", "gateway", "manager", "supervisor")
CHECK_AT = 32  # cameras of the run whose recordings are checked and verified


def machine(bench):
    def first(path, key):
        for line in Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return "?"
    mount = run("findmnt", "-n", "-o", "SOURCE,FSTYPE", "-T", bench.dir).decode().split()
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "cpu": first("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "kernel": platform.release(),
            "memory": f"{int(first('/proc/meminfo', 'MemTotal').split()[0]) / (1 << 20):.0f} GiB", "disk": " ".join(mount),
            "custos": run(bench.custos, "--version").decode().splitlines()[0], "ffmpeg": run("ffmpeg", "-version").decode().split()[2],
            "gstreamer": run("gst-launch-1.0", "--version").decode().splitlines()[1].split()[-1],
            "load_before": round(os.getloadavg()[0], 2), "gop": bench.gop}


def lost_text(r):
    checked = r.get("checked")
    parts = [f"{checked['missing']} of {checked['frames']} ({checked['cameras']} cam.)" if checked else "not counted"]
    if "lost_packets" in r:
        parts.append(f"{r['lost_packets']} RTP packets")
    return "; ".join(parts)


def recorder_table(results):
    if not results:
        return []
    lines = ["| recorder | cameras | CPU-ms per camera-second | of it user + system | core busy, ms | memory per camera, MB | memory in all, MB | frames lost |",
             "|---|---|---|---|---|---|---|---|"]
    lines += [f"| {r['what']} | {r['cameras']} | **{r['cpu_ms']:.2f}** | {r['user_ms']:.2f} + {r['system_ms']:.2f} | {r['core_ms']:.2f} | "
              f"{r['memory_kb'] / 1024 / r['cameras']:.2f} | {r['memory_kb'] / 1024:.1f} | {lost_text(r)} |" for r in results]
    how = sorted({r["memory_how"] for r in results})
    return lines + ["", f"Memory is {' or '.join(how)}, summed over the processes, mean of five readings."]


def role_table(results):
    own = [r for r in results if r["what"].startswith("Custos")]
    if not own:
        return []
    roles = [x for x in ROLES if any(x in r["shares_ms"] for r in own)]
    return ["", "| Custos, by process | cameras | " + " | ".join(roles) + " |", "|---|---|" + "---|" * len(roles)] + [
        f"| {r['what']} | {r['cameras']} | " + " | ".join(f"{r['shares_ms'].get(x, 0):.3f}" for x in roles) + " |" for r in own]


def speed_table(results, index):
    lines = []
    speeds = [f for r in results for f in r.get("after", [])]
    if speeds:
        lines += ["", "| reading, one core | GB | GB per second of CPU | GB per second | |", "|---|---|---|---|---|"]
        lines += [f"| {f['what']} | {f['bytes'] / 1e9:.2f} | **{f['gb_per_cpu_s']:.2f}** | {f['gb_per_s']:.2f} | {'not cached' if f['cold'] else 'cached'} |"
                  for f in speeds]
    if index:
        lines += ["", "| an index of segments | |", "|---|---|"] + [f"| {name} | {value} |" for name, value in index.items()]
    return lines


def people_table(people):
    if not people:
        return []
    return ["", "| viewers of one stream, live | ms of the gateway's CPU for each and second | of all processes | viewers a core of the gateway | MB to each | "
            "skipped | frames lost to the recorder |", "|---|---|---|---|---|---|---|"] + [
        f"| {p['viewers']['viewers']} | **{p['shares_ms']['gateway']:.3f}** | {p['cpu_ms']:.3f} | **{p['per_core']:.0f}** | "
        f"{p['viewers']['least_bytes'] / 1e6:.1f} in {p['viewers']['seconds']:.0f} s | {p['viewers']['skipped'] + p['viewers']['ended']} | {lost_text(p)} |" for p in people]


def page_table(page):
    names = {"latency_ms": "a camera's frame to the screen, live", "live_ms": "click to the first picture, live", "seeks_ms": "a time typed to its picture"}
    if not page:
        return []
    return ["", "| in a browser | n | median, ms | 95 %, ms | most, ms |", "|---|---|---|---|---|"] + [
        f"| {text} | {page[key]['n']} | **{page[key]['median']:.0f}** | {page[key]['p95']:.0f} | {page[key]['most']:.0f} |" for key, text in names.items()]


def warnings(results, failed):
    lines = [f"\nWarning: {text}" for text in failed]
    for r in results:
        who = f"Warning: {r['what']}, {r['cameras']} cameras:"
        rate = r["counters"]["units"] / r["seconds"] / r["cameras"] if "counters" in r else RATE
        if abs(rate - RATE) > RATE * (0.03 + 2.2 / r["seconds"]):  # counters are up to 2 s old
            lines.append(f"\n{who} {rate:.1f} frames per second and camera arrived, {RATE} were to be sent.")
        if r["late"]:
            lines.append(f"\n{who} the cameras were late {r['late']} times; they, not the recorder, were the limit.")
        if r.get("reconnects"):
            lines.append(f"\n{who} {r['reconnects']} reconnects.")
    return lines


def report(facts, found):
    head = (f"{facts['date']}; {facts['cpu']}, {facts['cores']} cores, {facts['memory']}; kernel {facts['kernel']}; disk {facts['disk']}; "
            f"{facts['custos']}; ffmpeg {facts['ffmpeg']}; GStreamer {facts['gstreamer']}; load before {facts['load_before']}. 1080p25 H.264, 4 Mbit/s, "
            f"key frame every {facts['gop']} frames; cameras on core {CAMERA_CORE}, the recorder on core {RECORDER_CORE}.")
    results = found["results"]
    return "\n".join([head, ""] + recorder_table(results) + role_table(results) + speed_table(results, found["index"]) + people_table(found["people"]) +
                     page_table(found["page"]) + warnings(results, found["failed"])) + "\n"


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="a smoke run: 1 and 8 cameras, a few seconds each")
    p.add_argument("--custos", default=ROOT / "build/release/src/custos", type=Path, help="the program to measure")
    p.add_argument("--dir", default=ROOT / "build/bench", type=Path, help="work directory, on the disk to be measured")
    p.add_argument("--cameras", default="1,32,128,256,400,800", help="numbers of cameras, by commas")
    p.add_argument("--peers", default="ffmpeg,gstreamer", help="what else is measured, by commas; empty: none")
    p.add_argument("--peer-cameras", default="1,32", help="numbers of cameras for them")
    p.add_argument("--viewers", default="100,500", help="numbers of viewers of one stream, by commas; empty: none")
    p.add_argument("--links", default="large,per-packet", help="TLS records of the cameras: large, per-packet")
    p.add_argument("--segments", default=1_000_000, type=int, help="of the index that is measured; 0: none")
    p.add_argument("--page-segments", default=4_320_000, type=int, help="of the index beside which the page is measured (100 cameras, 30 days); 0: no page")
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
        bench.cameras, bench.peer_cameras, bench.viewers, bench.seconds, bench.warm_up, bench.segments, bench.page_segments = "1,8", "1", "20", 5, 2, 10_000, 10_000
    bench.dir.mkdir(parents=True, exist_ok=True)
    bench.settings = "".join(s.replace("=", " = ", 1) + "\n" for s in bench.setting)
    bench.clip = make_clip(bench.dir, bench.gop)
    bench.cert, bench.key, bench.site = make_site(bench.custos, bench.dir)


def write(bench, facts, found):
    text = report(facts, found)
    (bench.dir / "result.md").write_text(text)
    if found["results"]:
        (bench.dir / "result.svg").write_text(plot.draw(found["results"], "What a recorded camera costs: 1080p25, 4 Mbit/s"))
    (bench.dir / "result.json").write_text(json.dumps({"machine": facts, **found}, indent=2) + "\n")
    return text


def steps(bench, found):
    """What is to be measured, one after the other: where each result goes, and the call that makes it."""
    for links in [x for x in bench.links.split(",") if x]:
        for n in numbers(bench.cameras):
            checks = check_figures if n == CHECK_AT and links == "large" else None
            yield found["results"].append, lambda: bench_custos(bench, n, links, bench.seconds if n < 256 else max(60, bench.seconds), checks)
    for peer in [x for x in bench.peers.split(",") if x]:
        if peer not in PEERS:
            raise BenchError(f"--peers {peer}: there are {', '.join(PEERS)}")
        for n in numbers(bench.peer_cameras):
            yield found["results"].append, lambda: bench_peer(bench, peer, n, bench.seconds)
    for n in numbers(bench.viewers):
        yield found["people"].append, lambda: viewers_figures(bench, n, bench.seconds)
    if bench.page_segments:
        yield found["page"].update, lambda: browser_figures(bench, bench.seconds, bench.page_segments)
    if bench.segments:
        yield found["index"].update, lambda: index_figures(bench, bench.segments)


def main():
    bench = parse()
    found = {"results": [], "people": [], "page": {}, "index": {}, "failed": []}
    prepare(bench)
    facts = machine(bench)
    for keep, step in steps(bench, found):
        try:
            keep(step())
        except BenchError as e:     # 800 cameras are more than some machine has a disk for; what was measured stays
            found["failed"].append(str(e))
            say(f"bench: {e}")
        write(bench, facts, found)
    print(write(bench, facts, found), end="")
    lost = any((r.get("checked") or {}).get("missing") for r in found["results"] + found["people"] if r.get("what", "Custos").startswith("Custos"))
    return 1 if lost or found["failed"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as e:
        say(f"bench: {e}")
        sys.exit(2)
