#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search of test/integ/51-disk.py in what a build writes that does not encrypt (meson option insecure_cleartext): all of it is found.
Building it takes a minute.
"""
import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import DESK, ROOT, Failure, check, main
from sentinels import make_clip

INSECURE = ROOT / "build/insecure"
disk = runpy.run_path(str(ROOT / "test/integ/51-disk.py"))


def build_insecure():
    start = time.monotonic()
    for command in (["tools/configure.sh", "build/insecure", "-Dinsecure_cleartext=true", "-Doptimization=1", "-Ddebug=false"],
                    ["ninja", "-C", "build/insecure", "--quiet", "src/custos"]):
        p = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        check(p.returncode == 0, f"{' '.join(command)}: {p.stdout[-2000:]}{p.stderr[-2000:]}")
    print(f"  a build without encryption took {time.monotonic() - start:.0f} s")
    return str(INSECURE / "src/custos")


def test_the_search_can_find(folder):
    """The same recording by a build that does not encrypt."""
    program = os.environ.get("CUSTOS_INSECURE") or build_insecure()
    clips = {"cars": make_clip(folder, disk["VIDEO_SENTINEL"], disk["AUDIO_SENTINEL"]), "desk": DESK}
    pieces = {}
    for clip in clips.values():
        pieces.update(disk["pieces_of"](clip))
    site = disk["record"](folder, clips, program)
    try:
        found = disk["scan"](site.state, pieces)
        check(found["video sentinel"] and found["audio sentinel"] and found["pieces"] > 100, f"in clear they would be found: {found}")
        try:
            disk["check_silent"](site.state, site.segments(), clips)
        except Failure:
            pass
        else:
            raise Failure("pictures in clear would be noticed")
        print(f"  without encryption the same search finds {json.dumps(found)}")
    finally:
        site.clean()


if __name__ == "__main__":
    main(globals())
