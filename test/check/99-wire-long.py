#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-WIRE over a minute of live and its playback and export: as test/integ/99-wire.py, and each link gets new keys by itself meanwhile.

Nothing of a site goes to an archive yet: that hop comes with it.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import check, main
from wire_site import REKEY_S, Story, judge, judge_control

SECONDS = 70


def test_what_a_listener_sees(folder):
    story = Story(folder, SECONDS)
    seen = story.run()
    links = judge(story, seen)
    judge_control(story)
    for link in story.links:
        if "camera" not in link["to"]:
            check(link["rekeys"] > 0, f"new keys every {REKEY_S} s: {link}")
    print(f"  {seen.packets} packets; TLS records by link: {links}")


if __name__ == "__main__":
    main(globals())
