#!/usr/bin/python3
"""Runs each fuzz target for a while (libFuzzer, ASan, UBSan). Findings stay in build/fuzz/findings.

    tools/fuzz.py [--seconds 600] [TARGET ...]
"""
import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/fuzz"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("targets", nargs="*")
    args = parser.parse_args()
    env = dict(os.environ, CC="clang")
    options = ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Doptimization=1", "-Ddebug=true", "-Db_lundef=false"]
    subprocess.run(["tools/configure.sh", "build/fuzz", *options], cwd=ROOT, env=env, check=True)
    subprocess.run(["ninja", "-C", "build/fuzz", "--quiet"], cwd=ROOT, env=env, check=True)
    stems = args.targets or sorted(p.stem[5:] for p in (ROOT / "test/fuzz").glob("fuzz_*.c"))
    findings = BUILD / "findings"
    findings.mkdir(exist_ok=True)
    failed = []
    for stem in stems:
        work = BUILD / "corpus" / stem
        work.mkdir(parents=True, exist_ok=True)
        command = [str(BUILD / "test/fuzz" / f"fuzz_{stem}"), f"-max_total_time={args.seconds}", "-print_final_stats=1", "-timeout=10",
                   "-rss_limit_mb=2048", f"-artifact_prefix={findings}/{stem}-", str(work), str(ROOT / "test/fuzz/corpus" / stem)]
        print(f"{stem}: {args.seconds} s", flush=True)
        p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        runs = [line for line in p.stderr.splitlines() if "number_of_executed_units" in line]
        print(f"  {'no finding' if p.returncode == 0 else 'FINDING'}; {runs[-1].split(':')[-1].strip() if runs else '?'} runs", flush=True)
        if p.returncode:
            failed.append(stem)
            print("\n".join(p.stderr.splitlines()[-30:]), flush=True)
    print(f"{len(stems) - len(failed)} targets without a finding, {len(failed)} with: {', '.join(failed) or '-'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
