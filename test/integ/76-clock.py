#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorder's wall clock is stepped under it, by an hour and by three seconds, forth and back, and drifts: what is sealed stays in
order, each step is a gap of its own with both times, and all of it is authentic.

CLOCK_REALTIME has no namespace, and setting the machine's would hurt everybody on it: the processes run with test/lib/clock_shift.c in
front of the C library's clock, which the test steps while they run. Seals also hold the boot clock, which nobody steps.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from clock_step import Clock
from custos_site import CARS, DESK, Edge, Site, check, custos, main, run, verify, wait_for
from vault_bytes import GAP_CAUSES, Segment

CONFIG = "[recorder]\nsegment_s = 20\nfragment_ms = 500\n"
STEPS_S = [3600, -3600, 3, -3]
EACH_S = 2.6
FRAME_S = {"cars-main": 0.08, "desk-main": 1 / 30}


def fragments(site, stream):
    found = [Segment(p) for p in site.segments(stream)]
    return sorted((f.seal for s in found for f in s.fragments), key=lambda s: (s.sequence)), found


def cause_names(seal):
    return [GAP_CAUSES[g[0]] for g in seal.gaps]


def test_clock(folder):
    clock = Clock(folder)
    site = Site(folder, config=CONFIG)
    try:
        site.init()
        with Edge(folder, {"cars": CARS, "desk": DESK, "door": CARS}, site.camera_certificate("cams")) as edge:
            site.start(env=clock.env())
            trust = site.fingerprint()
            for name, terms in (("cars", ()), ("desk", ("--without-audio",)), ("door", ("--record", "event", "--pre", "1", "--post", "1"))):
                site.add(name, edge.url(name), edge.user, edge.password_file, *terms)
            site.wait_recording("cars-main", "desk-main")
            time.sleep(2)
            for step in STEPS_S:
                clock.step(step)
                time.sleep(EACH_S)
            # Slowly, as a clock that is slewed does; and a step that is too small to divide a segment, but not to be noticed.
            for _ in range(20):
                clock.step(0.01)
                time.sleep(0.1)
            clock.step(0.4)
            site.cli("event", "start", "--camera", "door", "--seconds", "1")
            time.sleep(3)
            noticed = json.loads(site.cli("storage", "status", "--json").stdout)["clock"]
            site.stop()
        for stream in FRAME_S:
            check_stream(site, stream)
        check_waiting(site)
        check_noticed(noticed)
        code, report = verify(site.state / "vault", trust)
        check(code == 0, f"authentic after all this: {code} {json.dumps(report['items'], indent=1)[-3000:]}")
        for stream in FRAME_S:
            told = [i["text"] for i in report["items"] if i["kind"] == "gap" and i["stream"] == stream]
            check(sum("clock step" in t for t in told) == len(STEPS_S), f"{stream}: {told}")
        check_listing(site)
    finally:
        site.clean()


def check_stream(site, stream):
    seals, found = fragments(site, stream)
    check([s.sequence for s in seals] == list(range(1, len(seals) + 1)), f"{stream}: one seal behind the other")
    check(all(a.monotonic_us < b.monotonic_us for a, b in zip(seals, seals[1:])), f"{stream}: their boot clock ascends")
    stepped = [(a, b) for a, b in zip(seals, seals[1:]) if "clock step" in cause_names(b)]
    check(len(stepped) == len(STEPS_S), f"{stream}: {len(stepped)} steps of {len(STEPS_S)}")
    for (before, after), step in zip(stepped, STEPS_S):
        gap = next(g for g in after.gaps if GAP_CAUSES[g[0]] == "clock step")
        check(after.kid != before.kid and after.fragment == 1, f"{stream}: no segment holds both sides of a step")
        check(gap[1] == before.last_us and gap[2] == after.first_us, f"{stream}: the gap has both times: {gap} {before.last_us} {after.first_us}")
        off = (gap[2] - gap[1]) / 1e6 - step
        # The very next frame is behind it; half a second for a machine that is busy.
        check(abs(off) < FRAME_S[stream] + 0.5, f"{stream}: the gap says {off + step:.3f} s of a step of {step} s")
        between = (after.monotonic_us - before.monotonic_us) / 1e6
        check(between < 4, f"{stream}: in truth nothing was missed for {between:.1f} s")
    # Nothing was lost: arrivals within each segment ascend, and sealed and arrival clocks are one clock.
    for s in found:
        times = [t for f in s.fragments for t in (f.seal.first_us, f.seal.last_us)]
        check(times == sorted(times), f"{stream}: a segment's arrivals ascend: {times}")
        # The last one may have been sealed behind the step.
        check(all(abs(f.seal.sealed_us - f.seal.last_us) < 8e6 for f in s.fragments[:-2]), f"{stream}: sealed when it came")
    lost = [g for s in seals for g in s.gaps if GAP_CAUSES[g[0]] in ("frames dropped", "overload")]
    check(not lost, f"{stream}: no frame is lost for a clock: {lost}")
    total = sum(b.last_us - b.first_us for b in seals) / 1e6
    alive = (seals[-1].monotonic_us - seals[0].monotonic_us) / 1e6
    check(total > alive - 4, f"{stream}: {total:.1f} s recorded of {alive:.1f} s")
    print(f"  {stream}: {len(seals)} seals, {len(stepped)} steps, {total:.1f} of {alive:.1f} s")


def check_waiting(site):
    """Nothing was recorded of it when the clock was stepped: said all the same, beside that nothing was asked for."""
    seals, _ = fragments(site, "door-main")
    check(seals, "the event at door is recorded")
    first = cause_names(seals[0])
    check(set(first) == {"start", "not asked for", "clock step"}, f"the first seal says what was before: {first}")


def check_noticed(clock):
    told = [round(s["step_us"] / 1000) for s in clock["last_steps"]]
    check(clock["steps"] == len(told), f"all of them are listed: {clock}")
    big = [round(ms / 1000) for ms in told if abs(ms) > 1000]
    check(big == STEPS_S, f"the parent noticed each step, once: {told}")
    small = [ms for ms in told if abs(ms) <= 1000]
    check(1 <= len(small) <= 4 and any(350 <= ms <= 600 for ms in small), f"and the small one: {told}")


def check_listing(site):
    """How far the camera's clock is off the recorder's, by fragment: the edge is on this machine's, the site was not always."""
    listed = json.loads(custos("vault", "ls", "--state", site.state, "--camera", "cars", "--json").stdout)
    offs = [o for s in listed for o in s["camera_offsets_us"] if o is not None]
    check(len(offs) > 10, f"offsets: {listed}")
    check(min(offs) < -3590e6 and max(offs) < 2e6, f"the camera lags by the hour that we went ahead: {min(offs)} {max(offs)}")
    check(sum(abs(o) < 1e6 for o in offs) > 3, f"and is near when we are: {offs}")


if __name__ == "__main__":
    main(globals())
