#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power goes at every operation of a recording, several times each, and every operation fails once in each way
(test/unit/recorder/test_power_cut.c, of which the ordinary run takes a sample)."""
import os
import subprocess
import sys
from pathlib import Path

build = Path(os.environ.get("CUSTOS_BUILD", Path(__file__).resolve().parents[2] / "build/test"))
seeds = os.environ.get("SEEDS", "5")
sys.exit(subprocess.run([build / "test/unit/test_power_cut", "all", seeds]).returncode)
