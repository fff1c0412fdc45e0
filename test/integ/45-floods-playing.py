#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras that were asked to play, and send as much and as oddly as they can, all in one worker; beside them, one that wants to be
recorded.

It loses no frame (each carries a number), the worker neither dies nor grows, and each of the others is told what was wrong with it.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import hostile_camera
from custos_site import Site, check, main, wait_for
from hostile_camera import CONFIG, Crowd
from leaks import check_no_secret
from witness import Witness


def test_floods_behind_play(folder):
    with Site(folder, config=CONFIG.format(10000)) as site, Witness(site, folder) as witness:
        with Crowd(site, folder, hostile_camera.PLAYING) as crowd:
            wait_for(lambda: all(s["connects"] > 0 for s in site.streams().values()), 15, lambda: f"all were played: {site.streams()}")
            crowd.stand(4)
            frames = witness.lost_nothing()
            streams = site.streams()
            for name in crowd.cameras:
                print(f"  {name}: {streams[name + '-main']['bytes'] >> 20} MiB; {crowd.error(name)[:80]}")
            check(streams["bit-rate-bomb-main"]["bytes"] > 20 << 20, f"the bomb got through: {streams['bit-rate-bomb-main']}")
            check(streams["tiny-nals-main"]["packets"] > 50000, f"so did the small ones: {streams['tiny-nals-main']}")
        print(f"  the witness has all of its {frames} frames; the worker grew from {crowd.before >> 20} to {crowd.most >> 20} MiB")
        check_no_secret(site)


def test_a_bit_rate_has_a_maximum(folder):
    with Site(folder, config=CONFIG.format(20).replace("4000", "1000")) as site, Witness(site, folder) as witness:
        with Crowd(site, folder, [hostile_camera.bit_rate_bomb]) as crowd:
            state = site.wait_refused("bit-rate-bomb-main", 15)
            check(state["fault"] == "too-much-data" and "camera_mbit_max" in state["error"], f"{state}")
            bytes_then = state["bytes"]
            crowd.stand(2)
            check(site.stream("bit-rate-bomb-main")["bytes"] == bytes_then, "and is not tried again soon")
            check(site.stream("bit-rate-bomb-main")["connects"] == 1, "once")
        witness.lost_nothing()


main(globals())
