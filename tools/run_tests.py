#!/usr/bin/python3
"""Builds and runs the tests. `test` is what a change owes; `check` is the longer matrix.

Each test is a program: exit 0 passed, 77 skipped (its last line says why), anything else failed. Closes with the ten
slowest tests and one line `N passed, N failed, N skipped`.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTEG_TIMEOUT_S = 300
CHECK_TIMEOUT_S = 5400
# Those with the tightest deadlines: beside nothing but each other.
QUIET = {"60-kill", "75-recording-modes", "87-live"}
LANES = 2 * (os.cpu_count() or 1)  # most of a script's time is real time of real footage
QUIET_LANES = 2
LONGEST, LONGEST_S = {"41-camera-policies", "50-main-job", "53-counters", "90-doctor", "91-trust", "98-expire"}, 40  # where no time is known yet
TIMES = ROOT / "build/integ-times.json"  # seconds of each script when it passed last
AGAIN_MAX = 5  # scripts that failed beside another one and get a second try by themselves
SANITIZED = ["-Db_sanitize=address,undefined", "-Doptimization=1", "-Ddebug=true", "-Db_lundef=false"]
ENV = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=1:allocator_may_return_null=1",
           UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1", LC_ALL="C.UTF-8")
results = []  # (seconds, name, "passed" | "failed" | "skipped", text)


def say(text):
    print(text, flush=True)


def record(name, outcome, seconds, text=""):
    results.append((seconds, name, outcome, text))
    if outcome != "passed":
        say(f"{outcome.upper():7} {name} ({seconds:.1f} s){': ' + text if outcome == 'skipped' else ''}")
        if outcome == "failed":
            say("\n".join("    " + line for line in text.splitlines()[-60:]))


def attempt(command, timeout, env):
    """(outcome, seconds, what it said)"""
    start = time.monotonic()
    try:
        p = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=timeout, text=True, errors="replace")
        code, out = p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        code, out = -1, f"{(e.stdout or b'').decode(errors='replace')}\nno end after {timeout} s"
    lines = out.strip().splitlines() or [""]
    outcome = {0: "passed", 77: "skipped"}.get(code, "failed")
    return outcome, time.monotonic() - start, lines[-1] if outcome == "skipped" else out


def run(name, command, timeout, env=ENV):
    outcome, seconds, said = attempt(command, timeout, env)
    record(name, outcome, seconds, said)


def build(directory, options, compiler=None, targets=(), beside=False):
    """beside: tests that run meanwhile come first."""
    env = dict(ENV, CC=compiler) if compiler else ENV
    start = time.monotonic()
    name = f"build {directory}"
    steps = [["tools/configure.sh", f"build/{directory}", *options], ["ninja", "-C", f"build/{directory}", "--quiet", *targets]]
    for command in steps:
        command = ["nice", "-n", "19", *command] if beside else command
        p = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if p.returncode:
            record(name, "failed", time.monotonic() - start, p.stdout + p.stderr)
            return False
    say(f"built   build/{directory} in {time.monotonic() - start:.0f} s")
    return True


def unit(directory, suites=("unit", "fuzz")):
    log = ROOT / "build" / directory / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    args = [a for s in suites for a in ("--suite", s)]
    subprocess.run(["meson", "test", "-C", f"build/{directory}", "--no-rebuild", "--print-errorlogs", *args], cwd=ROOT, env=ENV,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not log.exists():
        record(f"unit tests of build/{directory}", "failed", 0, "meson test wrote no log")
        return
    for line in log.read_text().splitlines():
        t = json.loads(line)
        outcome = {"OK": "passed", "SKIP": "skipped"}.get(t["result"], "failed")
        out = t.get("stdout", "") + t.get("stderr", "")
        name = re.sub(r"^custos:\w+ / ", "", t["name"])
        record(name, outcome, t["duration"], out.strip().splitlines()[-1] if outcome == "skipped" and out.strip() else out)


def integ_env(directory="test"):
    return dict(ENV, CUSTOS=str(ROOT / f"build/{directory}/src/custos"), CUSTOS_BUILD=str(ROOT / f"build/{directory}"),
                CUSTOS_RELEASE=str(ROOT / "build/release/src/custos"), PYTHONDONTWRITEBYTECODE="1")


def known_times():
    try:
        return json.loads(TIMES.read_text())
    except (OSError, ValueError):
        return {}


def integ():
    env, times = integ_env(), known_times()
    scripts = sorted((ROOT / "test/integ").glob("[0-9]*.py"))
    # The longest first, so that no lane goes on alone at the end.
    scripts.sort(key=lambda s: -times.get(s.stem, LONGEST_S if s.stem in LONGEST else 0))
    quiet = [s for s in scripts if s.stem in QUIET]

    def command(script):
        return f"integ/{script.stem}", ["/usr/bin/python3", str(script)], INTEG_TIMEOUT_S, env

    def beside_another(script):
        outcome, seconds, said = attempt(*command(script)[1:])
        if outcome == "failed":
            return script, seconds, said
        times[script.stem] = round(seconds, 1)
        record(f"integ/{script.stem}", outcome, seconds, said)
        return None

    with ThreadPoolExecutor(LANES) as lanes:
        failed = [f for f in lanes.map(beside_another, [s for s in scripts if s not in quiet]) if f]
    with ThreadPoolExecutor(QUIET_LANES) as lanes:
        failed += [f for f in lanes.map(beside_another, quiet) if f]
    TIMES.write_text(json.dumps(times, indent=1, sort_keys=True))
    # A deadline may be missed because of the neighbour. What a script says when it is alone counts, and the first try is shown.
    for script, seconds, said in failed[AGAIN_MAX:]:
        record(f"integ/{script.stem}", "failed", seconds, said)
    for script, seconds, said in failed[:AGAIN_MAX]:
        say(f"AGAIN   integ/{script.stem} ({seconds:.1f} s): failed beside another script, and runs once more alone")
        say("\n".join("    " + line for line in said.splitlines()[-25:]))
        run(*command(script))


def long():
    """What takes minutes: test/check. One after the other, they have deadlines."""
    for script in sorted((ROOT / "test/check").glob("[0-9]*.py")):
        run(f"check/{script.stem}", ["/usr/bin/python3", str(script)], CHECK_TIMEOUT_S, integ_env())


def threads():
    """ThreadSanitizer over what has threads: the pool's work, channels, the writer, and a whole recorder."""
    # Its shadow memory does not fit a randomized layout of 32 bits (vm.mmap_rnd_bits); setarch -R gives another.
    prefix = ["setarch", "-R"] if shutil.which("setarch") else []
    if not build("tsan", ["-Db_sanitize=thread", "-Doptimization=1", "-Ddebug=true", "-Db_lundef=false"]):
        return
    env = dict(integ_env("tsan"), TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1")
    for stem in ("file", "chan", "loop", "proc", "chunk_pool", "segment_writer", "segment_play", "vault_tail", "power_cut"):
        test = ROOT / f"build/tsan/test/unit/test_{stem}"
        if test.exists():
            run(f"tsan/{stem}", [*prefix, str(test)], 300, env)
    run("tsan/31-roles-apart", [*prefix, "/usr/bin/python3", "test/integ/31-roles-apart.py"], 600, env)


def finish():
    say("\nThe ten slowest:")
    for seconds, name, outcome, _ in sorted(results, reverse=True)[:10]:
        say(f"  {seconds:6.1f} s  {name}")
    count = {k: sum(r[2] == k for r in results) for k in ("passed", "failed", "skipped")}
    say("")
    say(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "test"
    os.chdir(ROOT)
    run("style", ["/usr/bin/python3", "tools/check_style.py"], 60)
    run("every parser is fuzzed", ["/usr/bin/python3", "tools/check_fuzz.py"], 60)
    release = "release", ["--buildtype=release", "-Ddebug=true"]
    with ThreadPoolExecutor(1) as beside:
        if build("test", SANITIZED):
            # Of the release build the program alone, which some scripts run for its speed.
            builds = [beside.submit(build, *release, targets=("src/custos",), beside=True)]
            # A second compiler sees other mistakes: warnings are errors with both.
            if shutil.which("clang"):
                builds.append(beside.submit(build, "clang", SANITIZED if mode == "check" else ["-Doptimization=0"], compiler="clang", beside=True))
            unit("test")
            if builds[0].result():
                integ()
            for one in builds:
                one.result()
    if mode == "check":
        unit("clang")
        if build(*release):
            unit("release")
        threads()
        long()
        run("fuzz 60 s a target", ["/usr/bin/python3", "tools/fuzz.py", "--seconds", "60"], 3600)
        files = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "src").rglob("*.[ch]"))
        run("clang-format", ["clang-format", "--dry-run", "--Werror", *files], 120)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
