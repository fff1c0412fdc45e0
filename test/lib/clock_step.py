# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock that a test steps under a running site (test/lib/clock_shift.c, preloaded)."""
import os
import shutil
import struct

from custos_site import ROOT, run, skip


class Clock:
    """How far the site's processes are off, in seconds."""

    def __init__(self, folder):
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

    def env(self):
        # A sanitizer wants to be the first library of all; this one has nothing that it would miss.
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT_FILE": str(self.file),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
