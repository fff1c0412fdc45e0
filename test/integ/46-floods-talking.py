#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras that never come to play: endless, slow or silent before it, all in one worker; beside them, one that wants to be recorded.

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


def test_floods_before_play(folder):
    with Site(folder, config=CONFIG.format(100)) as site, Witness(site, folder) as witness:
        with Crowd(site, folder, hostile_camera.TALKING) as crowd:
            crowd.stand(3)
            quick = [s.__name__.replace("_", "-") for s in hostile_camera.TALKING[:6]]
            wait_for(lambda: all(crowd.error(name) or site.stream(f"{name}-main")["connects"] for name in quick), 15,
                     lambda: f"told at once: {site.streams()}")
            slow = [s.__name__.replace("_", "-") for s in hostile_camera.TALKING[6:]]
            wait_for(lambda: all(crowd.error(name) for name in slow), 15, lambda: f"told within ten seconds: {site.streams()}")
            crowd.look()
            frames = witness.lost_nothing()
            for name in crowd.cameras:
                print(f"  {name}: {crowd.error(name)[:100]}")
            for name in ("endless-handshake", "frames-before-play"):
                check(site.stream(f"{name}-main")["fault"] == "too-much-data", f"{site.stream(f'{name}-main')}")
            check("500000000 bytes, at most" in crowd.error("huge-description"), crowd.error("huge-description"))
            for name in crowd.cameras:
                state = site.stream(f"{name}-main")
                check(state["bytes"] < 10 << 20, f"{name}: cut off early: {state['bytes']}")
        print(f"  the witness has all of its {frames} frames; the worker grew from {crowd.before >> 20} to {crowd.most >> 20} MiB")
        check_no_secret(site)


main(globals())
