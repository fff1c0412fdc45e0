#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder with two volumes: segments go to both, each with its key; one that hangs or dies is left within a fragment, and used again by
itself; without any, that is said. What was recorded meanwhile is one history, and each gap has its cause.

A volume hangs here by its process (SIGSTOP); disks that fail are in 71-disks.py.
"""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import seals
from custos_site import CARS, CUSTOS, Edge, Site, check, custos, main, wait_for

CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 500\n[storage]\nvolume_patience_ms = 1000\n"
STREAM = "cars-main"


def write_list(site, second):
    """Two volumes that are to be made at the first start."""
    zeros = "00" * 16
    folder = site.state / "storage"
    folder.mkdir(mode=0o700, exist_ok=True)
    volumes = [{"number": n, "name": name, "path": str(path), "id": zeros, "session": zeros, "coming": zeros, "weight": 100, "retired": False}
               for n, (name, path) in enumerate((("main", site.state / "vault"), ("second", second)))]
    (folder / "volumes.json").write_text(json.dumps({"version": 1, "volumes": volumes}))


def volume_pid(site, number):
    found = [pid for pid, argv in site.processes().items() if argv[1:2] == ["volume"] and argv[argv.index("--index") + 1] == str(number)]
    return found[0] if found else None


def segments(vault):
    return sorted(vault.glob(f"{STREAM}/*/*/*.mp4"))


def log_has(site, word, since=0):
    return word in site.log()[since:]


def durable_after(site, at):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
    return (site.stream(STREAM).get("last_durable") or "") > stamp


def recorded_again(site, seconds, what):
    at = time.time()
    wait_for(lambda: durable_after(site, at), seconds, lambda: f"recorded {what}: {json.dumps(site.stream(STREAM))}\n{site.log()[-3000:]}", 0.05)


def chain(vaults):
    """The seals of the stream on all volumes, in the order of the chain."""
    all_seals = [s for v in vaults for s in seals.of_stream(v, STREAM)]
    follows = {s["previous"]: s for s in all_seals}
    check(len(follows) == len(all_seals), "no two seals name the same one: one history, not " + str(
        [(s["epoch"].hex()[:4], s["sequence"], s["previous"][1], [g["cause"] for g in s["gaps"]]) for s in all_seals]))
    at, found = (bytes(16), 0, bytes(32)), []
    while at in follows:
        found.append(follows[at])
        at = seals.link(found[-1])
    return found, len(all_seals)


def test_two_volumes(folder):
    second = folder / "second"
    site = Site(folder, config=CONFIG)
    try:
        site.init()
        write_list(site, second)
        site.start()
        vaults = [site.state / "vault", second]
        edge = Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), "--stamp", "--burst")
        with edge:
            site.add("cars", edge.url("cars"), edge.user, edge.password_file)
            site.wait_recording(STREAM)
            wait_for(lambda: all(segments(v) for v in vaults), 10, "segments on both volumes")
            for v in vaults:
                check(list(v.glob(f"keys/{STREAM}/*/*.json")), f"{v.name}: its key lies beside the footage")
            hang_one(site, vaults)
            kill_one(site)
            hang_both(site)
            recorded_again(site, 10, "at the end")
            fingerprint = site.fingerprint()
            site.stop()
        judge(site, folder, vaults, fingerprint)
    except BaseException:
        print(f"---- end of the site's log ----\n{site.log()[-6000:]}", file=sys.stderr)
        raise
    finally:
        for number in (0, 1):
            pid = volume_pid(site, number)
            if pid:
                os.kill(pid, signal.SIGCONT)
        site.clean()


def hang_one(site, vaults):
    """The one that is being written to does not answer."""
    newest = max((p for v in vaults for p in segments(v)), key=lambda p: (p.stat().st_mtime_ns, p.name))
    number = 0 if vaults[0] in newest.parents else 1
    name = ("main", "second")[number]
    since = len(site.log())
    os.kill(volume_pid(site, number), signal.SIGSTOP)
    wait_for(lambda: log_has(site, f"volume.fault volume={name} fault=volume-slow", since), 10, "it is seen to hang", 0.05)
    recorded_again(site, 5, "on the other volume")
    before = segments(vaults[number])
    time.sleep(3)
    check(segments(vaults[number]) == before and site.stream(STREAM)["recording"], "it goes on without the volume that hangs")
    os.kill(volume_pid(site, number), signal.SIGCONT)
    wait_for(lambda: log_has(site, f"volume.healthy volume={name}", since), 15, "it is used again, by itself", 0.1)
    wait_for(lambda: segments(vaults[number]) != before, 15, "for new segments")


def kill_one(site):
    for number in (0, 1):
        pid = volume_pid(site, number)
        os.kill(pid, signal.SIGKILL)
        recorded_again(site, 6, f"after the end of the process of volume {number}")
        wait_for(lambda: volume_pid(site, number) not in (None, pid), 5, "there is another")


def hang_both(site):
    since = len(site.log())
    for number in (0, 1):
        os.kill(volume_pid(site, number), signal.SIGSTOP)
    wait_for(lambda: site.stream(STREAM).get("fault") == "no-storage", 15, lambda: f"that is said: {json.dumps(site.stream(STREAM))}")
    for number in (0, 1):
        os.kill(volume_pid(site, number), signal.SIGCONT)
    recorded_again(site, 20, "when they are back")
    wait_for(lambda: site.stream(STREAM).get("fault") == "", 5, "and the fault is over")


def judge(site, folder, vaults, fingerprint):
    found, n = chain(vaults)
    check(len(found) == n, f"one chain of all seals: {len(found)} of {n}")
    causes = [g["cause"] for s in found for g in s["gaps"]]
    check(causes[0] == "start" and set(causes[1:]) == {"disk"}, f"each gap has its cause: {causes}")
    out = folder / "out.mp4"
    custos("export", "--camera", "cars", "--last", "900", "--output", out, "--state", site.state, timeout=120)
    p = custos("verify", "--trust", fingerprint, *sorted(folder.glob("out.*mp4*")), ok=None, timeout=120)
    check(p.returncode == 0, f"what was exported is authentic: {p.stdout[-3000:]}{p.stderr}")
    p = custos("vault", "check", "--trust", fingerprint, "--key", site.state / "recorder/wrap.key", "--state", site.state, ok=None, timeout=120)
    check(p.returncode == 0, f"custos vault check: {p.stdout[-3000:]}{p.stderr}")
    p = custos("edge", "check-stamps", "--json", *sorted(folder.glob("out.*mp4*")), ok=None)
    camera = json.loads(p.stdout)["cameras"][0]
    print(f"  {n} seals on {len(vaults)} volumes, gaps: {causes}; frames missing: {[g['frames'] for g in camera['gaps']]}")


if __name__ == "__main__":
    main(globals())
