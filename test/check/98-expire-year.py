#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test/integ/98-expire.py with certificates of 14 days, renewed 37 times in the 400 days, and then on to where the issuers run out."""
import os
import runpy
from pathlib import Path

os.environ.setdefault("EXPIRE_LONG", "1")
runpy.run_path(str(Path(__file__).resolve().parents[1] / "integ/98-expire.py"), run_name="__main__")
