#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-WIRE: whoever listens on any hop of a site, from camera to gateway and on each host's loopback, sees TLS and nothing else.

All packets of a site on six hosts are captured while it is enrolled, configured, watched, played, exported, and while its gateway begins
anew and is sent away (test/lib/wire_site.py): no sentinel is found. With a camera in the clear, and a person who opens http, the same
capture finds them, so this test can fail.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import main
from wire_site import Story, judge, judge_control

SECONDS = 2


def test_what_a_listener_sees(folder):
    story = Story(folder, SECONDS)
    seen = story.run()
    links = judge(story, seen)
    judge_control(story)
    print(f"  {seen.packets} packets; TLS records by link: {links}")


if __name__ == "__main__":
    main(globals())
