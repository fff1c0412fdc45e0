#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded when: events with the seconds before and behind them, a schedule that closes now, key frames between, off; and terms
that change without touching the camera's connection.

One system, one edge, half a minute. Every stream's footage is then verified as a whole: authentic, what was left out is sealed as not
asked for, and an exported event begins at a key frame no later than its pre-seconds before it, and ends behind its post-seconds.
"""
import datetime
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, main, run, verify, wait_for
from vault_bytes import GAP_CAUSES, Segment

PRE, POST, EVENT = 2, 1, 1
CONFIG = "[recorder]\nsegment_s = 30\nfragment_ms = 500\n"
MINUTE_LEFT_S = 14  # of the minute in which the site's clock starts: the schedule closes then
LAST = 2


def clock_offset():
    """Whole seconds to add to the wall clock so that a minute ends soon, and the text of a schedule that ends with it (UTC)."""
    now = time.time()
    offset = round(60 - MINUTE_LEFT_S - now % 60)
    ends = datetime.datetime.fromtimestamp(now + offset, datetime.timezone.utc).replace(second=0) + datetime.timedelta(minutes=1)
    begins = ends - datetime.timedelta(minutes=10)
    day = "sun mon tue wed thu fri sat".split()[int(begins.strftime("%w"))]
    return offset, f"{day} {begins:%H:%M}-{ends:%H:%M}", ends.timestamp()


def log_times(site, event, camera):
    """When the recorder said so, by its own clock; seconds."""
    found = re.findall(rf"^(\S+) \S .*cam={camera}-main .*{re.escape(event)}", site.log(), re.M)
    return [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).timestamp() for t in found]


def segments(site, camera):
    found = [Segment(p) for p in site.segments(f"{camera}-main")]
    return sorted((s for s in found if s.fragments), key=lambda s: s.fragments[0].seal.sequence)


def gaps(found):
    return [(GAP_CAUSES[g[0]], g[1] / 1e6, g[2] / 1e6, g[3]) for s in found for f in s.fragments for g in f.seal.gaps]


def event(site, verb, camera, *options):
    site.cli("event", verb, "--camera", camera, *options)


def gate(site, camera):
    return site.stream(f"{camera}-main").get("gate")


def runs(found):
    """[(first arrival, last arrival)] of what lies between gaps, seconds."""
    out = []
    for f in (f for s in found for f in s.fragments):
        if not f.seal.tracks:
            continue
        if f.seal.gaps or not out:
            out.append([f.seal.first_us / 1e6, 0])
        out[-1][1] = f.seal.last_us / 1e6
    return out


def check_authentic(site, trust, camera):
    code, report = verify(site.state / "vault" / f"{camera}-main", trust)
    check(code == 0, f"{camera} is authentic: {code} {json.dumps(report['items'], indent=1)}")
    return [i["text"] for i in report["items"] if i["kind"] == "gap"]


def export(site, folder, camera, from_s, to_s):
    text = [datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for t in (from_s, to_s)]
    path = folder / f"{camera}-{from_s:.0f}.mp4"
    site.cli("export", "--camera", camera, "--from", text[0], "--to", text[1], "--output", path)
    return path


def frames_of(path):
    """[(time, is key)] of the packets, and how many a decoder makes of them."""
    p = run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", path)
    rows = [line.split(",") for line in p.stdout.split()]
    d = run("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of",
            "default=nw=1:nk=1", path)
    check(not d.stderr, f"{path} decodes without a word: {d.stderr[:500]}")
    return [(float(t), "K" in flags) for t, flags in rows], int(d.stdout.split()[0])


def key_steps(clip):
    """How long groups of pictures of a looped clip last; one of less than 0.9 s with the next."""
    p = run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,duration_time,flags", "-of", "csv=p=0", clip)
    rows = [line.split(",") for line in p.stdout.split()]
    keys = [float(r[0]) for r in rows if "K" in r[2]]
    keys += [k + max(float(r[0]) + float(r[1]) for r in rows) for k in keys[:3]]
    return sorted({round(b - a, 3) for i, a in enumerate(keys) for b in keys[i + 1:i + 3] if 0.9 <= b - a < 2.0})


def test_modes(folder):
    offset, schedule, closes = clock_offset()
    site = Site(folder, config=CONFIG)
    try:
        site.init()
        cameras = {"door": DESK, "keys": CARS, "yard": DESK, "idle": CARS}
        with Edge(folder, cameras, site.camera_certificate("cams")) as edge:
            site.start(env={"CUSTOS_CLOCK_OFFSET_S": str(offset), "TZ": "UTC"})
            trust = site.fingerprint()

            def add(name, *terms):
                site.add(name, edge.url(name), edge.user, edge.password_file, "--without-audio", *terms)

            add("door", "--record", "event", "--pre", PRE, "--post", POST)
            add("yard", "--record", "schedule", "--schedule", schedule, "--pre", 0)
            add("keys", "--record", "event", "--between", "key-frames", "--pre", PRE, "--post", POST)
            add("idle", "--record", "off")
            happen(site, edge, closes, offset)
            site.stop()
        judge(site, folder, trust, closes)
    finally:
        site.clean()


def happen(site, edge, closes, offset):
    site.wait_recording("yard-main")
    check(gate(site, "yard") == "open" and gate(site, "door") == "waiting" and gate(site, "keys") == "key-frames",
          f"gates: {site.streams()}")
    wait_for(lambda: site.stream("door-main").get("state") == "streaming", 10, "door's camera is connected to")
    check(gate(site, "idle") == "off" and site.stream("idle-main")["state"] != "streaming", "nothing is asked of the one that is off")
    time.sleep(PRE + 2)
    check(not site.segments("door-main"), "nothing of door is in the vault before anything happened")
    event(site, "start", "door", "--seconds", EVENT)
    event(site, "start", "keys", "--seconds", EVENT)
    wait_for(lambda: gate(site, "door") == "open" and gate(site, "keys") == "open", 3, "an event opens the gates")
    site.wait_recording("door-main")
    wait_for(lambda: gate(site, "door") == "waiting", EVENT + POST + 3, "and they close behind it")

    time.sleep(PRE + 1)
    # Two sources; the second ends last, and by itself would have gone on for an hour.
    event(site, "start", "door", "--source", "motion", "--seconds", 1)
    event(site, "start", "door", "--source", "onvif/door")
    time.sleep(1.5)
    event(site, "stop", "door", "--source", "onvif/door")
    p = site.cli("event", "stop", "--camera", "door", "--source", "onvif/door", ok=None)
    check(p.returncode == 1, "an event that is over cannot be stopped again")
    p = site.cli("event", "start", "--camera", "idle", ok=None)
    check(p.returncode == 1 and "off" in p.stdout + p.stderr, f"no event of a stream that is off: {p.stdout}{p.stderr}")

    wait_for(lambda: gate(site, "yard") == "waiting", max(1, closes - time.time() - offset) + 4, "the schedule closes")
    wait_for(lambda: gate(site, "door") == "waiting", POST + 3, "door closes again")
    # Other terms at once, and on the connection that there is.
    before = site.streams()
    site.cli("camera", "set", "yard", "--record", "always")
    wait_for(lambda: gate(site, "yard") == "open", 2, "terms count at once")
    site.cli("camera", "set", "door", "--record", "off")
    wait_for(lambda: site.stream("door-main")["state"] == "stopped", 5, "off: the camera is let go")
    site.wait_recording("yard-main")
    site.cli("camera", "set", "door", "--record", "always")
    time.sleep(1.5)     # what was written before is durable by now, too
    durable = site.stream("door-main")["last_durable"]
    wait_for(lambda: site.stream("door-main")["last_durable"] > durable, 10, "door is recorded again")
    after = site.streams()
    check(after["yard-main"]["connected"] == before["yard-main"]["connected"] and after["yard-main"]["connects"] == 1,
          f"yard's connection was left alone: {after['yard-main']}")
    check(after["door-main"]["connected"] > before["door-main"]["connected"], "door's was made anew")
    check(not after["idle-main"]["connected"] and "cam=idle" not in edge.log(), f"idle was never connected to: {after['idle-main']}")


def judge(site, folder, trust, closes):
    check_door(site, folder, trust)
    check_yard(site, trust, closes)
    check_keys(site, folder, trust)


def check_door(site, folder, trust):
    found = segments(site, "door")
    texts = check_authentic(site, trust, "door")
    check(sum("not asked for: nothing was to be recorded" in t for t in texts) == 2 + 1, f"two events and off: {texts} {gaps(found)} {runs(found)}")
    check(all(s.closed for s in found), "no segment stays open")
    causes = [g[0] for g in gaps(found)]
    check(set(causes) == {"start", "not asked for"}, f"gaps of door: {gaps(found)}")
    started, stopped = log_times(site, "event.start", "door"), log_times(site, "event.stop", "door")
    check(len(started) == 3 and len(stopped) == 1, f"events: {started} {stopped}")
    recorded = runs(found)
    check(len(recorded) == 3, f"three runs: {recorded}")
    for (first, last), begin, end in zip(recorded, (started[0], started[1]), (started[0] + EVENT, stopped[0])):
        check(first <= begin - PRE, f"it begins {begin - first:.3f} s before its event")
        check(first > begin - PRE - 2.5, f"and not much more: {begin - first:.3f} s")
        check(last >= end + POST - 0.1, f"it ends {last - end:.3f} s behind it")
        check(last < end + POST + 2, f"and not much more: {last - end:.3f} s")
        path = export(site, folder, "door", first, last + 0.1)
        code, report = verify(path, trust)
        check(code == 0, f"the export is authentic: {report['items']}")
        packets, decoded = frames_of(path)
        check(packets[0][1] and len(packets) == decoded, f"it begins with a key frame, and decodes: {packets[:2]} {len(packets)} {decoded}")
        length = packets[-1][0] - packets[0][0]
        check(abs(length - (last - first)) < 0.5, f"and lasts {length:.2f} s of {last - first:.2f} s")
        print(f"  event: recorded from {begin - first:.2f} s before it to {last - end:.2f} s behind it")


def check_yard(site, trust, closes):
    found = segments(site, "yard")
    texts = check_authentic(site, trust, "yard")
    check(sum("not asked for" in t for t in texts) == 1, f"yard: {texts}")
    recorded = runs(found)
    check(len(recorded) == 2 and closes - 1 <= recorded[0][1] < closes + 1.5, f"it ended with the minute: {recorded} {closes}")
    check(recorded[1][0] > closes, f"and began again later: {recorded}")
    check(found[0].fragments[-1].seal.flags & LAST, "its segment was closed")


def check_keys(site, folder, trust):
    found = segments(site, "keys")
    texts = check_authentic(site, trust, "keys")
    check(any("key frames alone were to be recorded" in t for t in texts), f"keys: {texts}")
    unasked = [g for g in gaps(found) if g[0] == "not asked for"]
    between = [g for g in unasked if g[3] == 11]    # the others: at the beginning, before what an event brought back, at the end
    check(len(between) >= 4 and len(unasked) - len(between) <= 3, f"eleven frames between two key frames: {unasked}")
    begin = log_times(site, "event.start", "keys")[0]
    all_of_it = runs(found)
    path = export(site, folder, "keys", all_of_it[0][0], all_of_it[-1][1] + 0.1)
    code, report = verify(path, trust)
    check(code == 0 and any("not asked for" in i["text"] for i in report["items"]), f"the export says it too: {report['items']}")
    packets, decoded = frames_of(path)
    check(decoded == len(packets), f"a decoder makes a picture of each: {decoded} of {len(packets)}")
    check(all(b[0] > a[0] for a, b in zip(packets, packets[1:])), "times ascend")
    alone = [k for k, (t, key) in enumerate(packets) if key and (k + 1 == len(packets) or packets[k + 1][1])]
    check(len(alone) >= 4, f"key frames alone: {packets}")
    groups = key_steps(CARS)
    for k in alone[:-1]:
        step = packets[k + 1][0] - packets[k][0]
        check(any(abs(step - g) < 0.02 for g in groups), f"each at its time: {step} s behind the one before, groups last {groups}")
    whole = [t for t, key in packets if not key]
    check(whole and begin - all_of_it[0][0] > 0, "the event is whole")
    length = whole[-1] - whole[0]
    check(PRE + EVENT + POST - 1.2 <= length <= PRE + EVENT + POST + 4, f"with its seconds before and behind: {length:.2f} s")
    print(f"  key frames: {len(alone)} alone, an event of {length:.2f} s among them")


if __name__ == "__main__":
    main(globals())
