#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test/integ/60-kill.py with two hundred kills."""
import os
import runpy
from pathlib import Path

os.environ.setdefault("KILLS", "200")
runpy.run_path(str(Path(__file__).resolve().parents[1] / "integ/60-kill.py"), run_name="__main__")
