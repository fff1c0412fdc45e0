#!/usr/bin/python3
"""Runs each fuzz target for a while (libFuzzer, ASan, UBSan), as many at once as there are cores, and prints a table.

    tools/fuzz.py [--seconds 600] [--jobs N] [TARGET ...]

The seconds are of processor time: on a busy machine a target takes longer, and gets as much.
Seeds are test/fuzz/corpus, the malformed inputs of the fixtures where they are there, and what earlier runs have found
(build/fuzz/corpus). A finding stays in build/fuzz/findings, with the command that replays it and the log of the run; then the
exit status is 1.
"""
import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test/fuzz"))
import replay_malformed  # noqa: E402

SEED_MAX = 16384  # bytes; larger ones slow a target down to where it finds nothing
BUILD = ROOT / "build/fuzz"
FINDINGS = BUILD / "findings"


def build():
    env = dict(os.environ, CC=os.environ.get("FUZZ_CC", "clang"))
    options = ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Doptimization=1", "-Ddebug=true", "-Db_lundef=false"]
    subprocess.run(["tools/configure.sh", "build/fuzz", *options], cwd=ROOT, env=env, check=True)
    subprocess.run(["ninja", "-C", "build/fuzz", "--quiet"], cwd=ROOT, env=env, check=True)


def number(log, name):
    """Of libFuzzer's final statistics."""
    found = [line.split(":")[-1].strip() for line in log.splitlines() if line.startswith(f"stat::{name}")]
    return int(found[-1]) if found else 0


def small(stem, folders):
    """A folder with the small files of these."""
    to = BUILD / "seeds" / stem
    to.mkdir(parents=True, exist_ok=True)
    for f in (f for folder in folders for f in folder.iterdir() if f.is_file() and f.stat().st_size <= SEED_MAX):
        (to / f"{f.parent.name}-{f.name}").write_bytes(f.read_bytes())
    return to


def slice_of(command, log):
    """Runs libFuzzer, whose limit is of wall time: (return code, seconds of processor time)"""
    with open(log, "wb") as out:
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, usage.ru_utime + usage.ru_stime


def fuzz(stem, seconds, folders):
    """(stem, return code, seconds, runs, new inputs, peak MB, findings)"""
    program, work = BUILD / "test/fuzz" / f"fuzz_{stem}", BUILD / "corpus" / stem
    work.mkdir(parents=True, exist_ok=True)
    log, start, used, code, totals = FINDINGS / f"{stem}-last.log", time.time(), 0, 0, [0, 0, 0]
    tail = [work, ROOT / "test/fuzz/corpus" / stem, small(stem, folders)]
    while not code and used < seconds:
        code, spent = slice_of([program, f"-max_total_time={max(1, round(seconds - used))}", "-print_final_stats=1", "-timeout=60",
                                "-rss_limit_mb=2048", f"-artifact_prefix={FINDINGS}/{stem}-", *tail], log)
        used += spent
        text = log.read_text(errors="replace")
        runs, new, peak = (number(text, n) for n in ("number_of_executed_units", "new_units_added", "peak_rss_mb"))
        totals = [totals[0] + runs, totals[1] + new, max(totals[2], peak)]
    kept = [f for f in sorted(FINDINGS.glob(f"{stem}-*")) if f.suffix != ".log" and f.stat().st_mtime >= start - 1]
    if not code:
        log.unlink()
    return (stem, code, used, *totals, kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("targets", nargs="*")
    args = parser.parse_args()
    build()
    stems = args.targets or sorted(p.stem[5:] for p in (ROOT / "test/fuzz").glob("fuzz_*.c"))
    FINDINGS.mkdir(exist_ok=True)
    seeds = replay_malformed.seeds()
    rounds = -(-len(stems) // args.jobs)
    print(f"{len(stems)} targets, {args.seconds} s each, {args.jobs} at once: {rounds * args.seconds / 60:.0f} minutes or more", flush=True)
    print(f"{'target':18} {'result':10} {'seconds':>8} {'runs':>12} {'new inputs':>10} {'MB':>6}", flush=True)
    failed = []

    def one(stem):
        stem, code, used, runs, new, megabytes, kept = fuzz(stem, args.seconds, seeds.get(stem, []))
        lines = [f"{stem:18} {'-' if code == 0 else 'FINDING':10} {used:>8.0f} {runs:>12} {new:>10} {megabytes:>6}"]
        if code:
            failed.append(stem)
            lines += [f"  {BUILD.relative_to(ROOT)}/test/fuzz/fuzz_{stem} {f.relative_to(ROOT)}" for f in kept]
            lines.append(f"  log: {(FINDINGS / f'{stem}-last.log').relative_to(ROOT)}")
        print("\n".join(lines), flush=True)

    with ThreadPoolExecutor(args.jobs) as lanes:
        list(lanes.map(one, stems))
    print(f"{len(stems) - len(failed)} targets without a finding, {len(failed)} with: {', '.join(sorted(failed)) or '-'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
