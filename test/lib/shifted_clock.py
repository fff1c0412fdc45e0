# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock that steps under programs while they run, without the machine's being touched: they run with test/lib/clock_shift.c in
front of the C library's clock, which reads how far it is off from a file that all of them share. Programs that are not ours too (openssl,
ffmpeg); not this one.

    clock = Clock(folder)
    clock.everywhere()          # what is started from now on
    clock.step(30 * DAY)
"""
import os
import shutil
import struct
import time
from pathlib import Path

from custos_site import ENV, ROOT, run, skip

DAY = 86400


class Clock:
    """How far the processes are off, in seconds."""

    def __init__(self, folder):
        folder = Path(folder)
        self.file, self.library, self.off = folder / "shift", folder / "clock_shift.so", 0.0
        self.set(0)
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            skip("no C compiler for test/lib/clock_shift.c")
        run(compiler, "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", self.library, ROOT / "test/lib/clock_shift.c")

    def set(self, seconds):
        self.off = seconds
        if not self.file.exists():
            self.file.write_bytes(bytes(8))
        with open(self.file, "r+b", buffering=0) as f:
            f.write(struct.pack("=q", round(seconds * 1e6)))

    def step(self, seconds):
        self.set(self.off + seconds)

    def now(self):
        """What the processes take the time for."""
        return time.time() + self.off

    def env(self):
        # A sanitizer wants to be the first library of all; this one has nothing that it would miss.
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT_FILE": str(self.file),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def everywhere(self):
        env = self.env()
        ENV.update(env)
        os.environ.update(env)  # for children; this process has its libraries already
        return self

    def __enter__(self):
        return self.everywhere()

    def __exit__(self, *_):
        for name in ("LD_PRELOAD", "CLOCK_SHIFT_FILE"):
            ENV.pop(name, None)
            os.environ.pop(name, None)
