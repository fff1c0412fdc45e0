# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to check what was recorded, and what an index of a million segments costs: figures of one core."""
import json
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

from common import RECORDER_CORE, BenchError, run, say

CHECKED_BYTES_MIN = 200 << 20   # less says nothing


def on_core(command):
    """(seconds of processor time, seconds, exit code, standard output) on the recorder's core."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(["taskset", "-c", str(RECORDER_CORE)] + [str(c) for c in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.returncode, done.stdout + done.stderr


def drop_caches():
    """So that the disk is in the figure too; only root may."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("1")
        return True
    except OSError:
        return False


def speed(name, n_bytes, command, ok=(0,)):
    cold = drop_caches()
    cpu, wall, code, out = on_core(command)
    if code not in ok:
        raise BenchError(f"{name}: exit {code}: {out[-400:]}")
    return {"what": name, "bytes": n_bytes, "cpu_s": cpu, "wall_s": wall, "gb_per_cpu_s": n_bytes / cpu / 1e9, "gb_per_s": n_bytes / wall / 1e9,
            "cold": cold}


def vault_bytes(state):
    return sum(f.stat().st_size for f in (state / "vault").rglob("*.mp4"))


def check_figures(bench, state, n):
    """Check without and with keys, and verify of an export, over what a run has recorded."""
    size = vault_bytes(state)
    if size < CHECKED_BYTES_MIN:
        return []
    say(f"check and verify of {size / 1e9:.1f} GB")
    found = [speed("`custos vault check`, seals alone", size, [bench.custos, "vault", "check", "--vault", state / "vault"], (0, 1, 2)),
             speed("`custos vault check`, with keys", size, [bench.custos, "vault", "check", "--state", state], (0, 1, 2)),
             speed("`custos verify` of the vault", size, [bench.custos, "verify", state / "vault"], (0, 1, 2))]
    camera = sorted(p.name for p in (state / "vault").glob("*-main"))[0][:-len("-main")]
    clip = bench.dir / "verify.mp4"
    clip.unlink(missing_ok=True)
    run(bench.custos, "export", "--state", state, "--camera", camera, "--last", "900", "--output", clip)
    # Of one camera and a run: small, so that the program's start (30 ms) is most of it.
    found.append(speed("`custos verify` of a small export", clip.stat().st_size, [bench.custos, "verify", clip], (0, 1, 2)))
    clip.unlink()
    rows, index = n_segments(state), index_bytes(state)
    say(f"index: {index} bytes, {rows} segments")
    return found


def index_path(state):
    return state / "storage/index.sqlite"


def index_bytes(state):
    return sum(f.stat().st_size for f in index_path(state).parent.glob("index.sqlite*"))


def n_segments(state):
    return sum(1 for _ in (state / "vault").rglob("*.mp4"))


def index_figures(bench, segments=1_000_000):
    """A vault's index with a million segments: its bytes for a camera and minute, the start with it, seeking in it."""
    say(f"an index of {segments} segments")
    program = bench.custos.parent.parent / "bench/index_figures"
    state = bench.dir / "state-index"
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(bench.site, state)
    made = json.loads(run("taskset", "-c", str(RECORDER_CORE), program, state, str(segments)))
    shutil.rmtree(state, ignore_errors=True)
    return made
