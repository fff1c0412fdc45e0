#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a grant sees a camera live.

The recorder's real processes; this program is their supervisor, their manager and the gateways, which open what is sealed for them by an
independent implementation (test/lib/gateway.py). ffmpeg plays what they got, and the frames' stamps say whether one is missing: for the
quick ones and in the recording none is, a slow one gets whole groups and is told what it missed.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import check, custos, main, run, wait_for
from frames import stream_kinds
from gateway import HEAD, HEADER, Gateway, Live, whole_groups

SECONDS = 4


def stamps(*paths):
    return json.loads(custos("edge", "check-stamps", "--json", *paths, ok=None).stdout)


def complete(path, least, camera):
    """Every frame of this camera from the first to the last."""
    report = stamps(path)
    cameras = report["cameras"]
    check(len(cameras) == 1 and cameras[0]["camera"] == camera and report["unstamped"] == 0, f"{camera} alone, each frame stamped: {report}")
    check(not cameras[0]["gaps"] and cameras[0]["frames"] >= least, f"no frame of at least {least} is missing: {report}")
    return cameras[0]


def plays(path, kinds):
    check(stream_kinds(path) == kinds, f"tracks: {stream_kinds(path)}")
    p = run("ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", path, "-map", "0", "-f", "null", "-")
    check(not p.stderr.strip(), f"ffmpeg plays it: {p.stderr[-1000:]}")
    times = [float(t) for t in run("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=dts_time", "-of", "csv=p=0",
                                   path).stdout.replace(",", "").split()]
    steps = [b - a for a, b in zip(times, times[1:])]
    check(times[0] == 0 and min(steps) > 0 and max(steps) < 0.5, f"its times begin at 0 and go on: {times[0]} {min(steps)} {max(steps)}")


def recorded_all(live, camera):
    out = live.folder / f"{camera}.mp4"
    live.site.cli("export", "--camera", camera, "--last", "600", "--output", out, timeout=120)
    complete(out, 10 * SECONDS, camera)


def test_who_has_a_grant_sees_it(folder):
    with Live(folder) as live:
        front = Gateway(live.roles, "front")
        token = front.token("cars-main", "desk-main", "yard-main")
        cars, desk, yard = (front.open(f"{name}-main", token) for name in ("cars", "desk", "yard"))
        again = front.open("cars-main", front.token("cars-main", person="Second Viewer"))
        slow = front.open("cars-main", token, credit=64 << 10)
        back = Gateway(live.roles, "back")
        other = back.open("cars-main", back.token("cars-main"))
        everything = [cars, desk, yard, again]

        def read(seconds):
            end = time.monotonic() + seconds
            turn = 0
            while time.monotonic() < end:
                front.read(0.2, slow=[slow])
                back.read(0.05)
                turn += 1
                if turn % 12 == 0:
                    front.give(slow)
        read(SECONDS + 2)
        age = time.time() - cars.things[-1][2] / 1e6
        # A second subscription of the same session has the same bytes, another session others.
        mine, theirs = ({m[24:] for m in front.wire if HEAD.unpack(m[:24])[3] == s.number} for s in (cars, again))
        check(len(mine & theirs) > 50 and not mine & {m[24:] for m in back.wire}, "sealed once for a session")
        for m in front.wire:
            check(b"moof" not in m and b"mdat" not in m and b"ftyp" not in m, "nothing in the clear on the way")
        for s in [*everything, other]:
            check(whole_groups(s) == 0, f"nothing of {s.stream} was left out")
            check(len(s.of(HEADER)) >= 1, "with a header")
        for s, kinds, camera in ((cars, ["h264", "aac"], "cars"), (desk, ["hevc"], "desk"), (yard, ["h264", "aac"], "yard"), (other, ["h264", "aac"], "cars")):
            path = s.write(folder / f"live-{camera}-{s.number}.mp4")
            plays(path, kinds)
            frames = complete(path, 10 * SECONDS, camera)["frames"]
            print(f"  {s.stream}: {frames} frames, {s.got >> 10} KiB")
        skips = whole_groups(slow)
        check(skips >= 1 and slow.got < cars.got, f"the slow one missed groups, and was told: {skips} {slow.got} {cars.got}")
        plain = slow.write(folder / "live-slow.mp4")
        check(stamps(plain)["cameras"][0]["gaps"], "its frames are not complete")
        check(-1 < age < 5, f"messages say when their frame came: {age} s ago")

        # Closed: nothing comes any more, and the worker does nothing for it.
        front.ask("media.close", subscription=desk.number)
        front.subscriptions.pop(desk.number)
        front.wire.clear()
        front.read(1)
        check(front.wire and not any(HEAD.unpack(m[:24])[3] == desk.number for m in front.wire), "closed is closed")
        front.end()
        back.ask("media.close", subscription=other.number)
        wait_for(lambda: "gateway.gone" in live.roles.log(), 5, "the link's end is noticed")
        back.wire.clear()
        back.read(1)
        check(not back.wire, "nobody watches")
        # Recording lost no frame meanwhile.
        live.roles.stop()
        for camera in ("cars", "desk"):
            recorded_all(live, camera)
        lines = [json.loads(line) for line in (live.site.state / "recorder/grants.log").read_text().splitlines()]
        check({"Second Viewer", "Erika M\u00fcller"} <= {line["person"] for line in lines}, f"who saw it is in the log: {lines}")


if __name__ == "__main__":
    main(globals())
