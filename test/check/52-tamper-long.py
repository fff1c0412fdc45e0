#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test/integ/52-tamper.py with a thousand bit flips and a hundred clean runs."""
import os
import runpy
from pathlib import Path

os.environ.setdefault("TAMPER_FLIPS", "1000")
os.environ.setdefault("TAMPER_CLEAN_RUNS", "100")
runpy.run_path(str(Path(__file__).resolve().parents[1] / "integ/52-tamper.py"), run_name="__main__")
