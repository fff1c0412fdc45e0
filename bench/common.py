# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes on their cores, and what they cost: shared by the files of the benchmark."""
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAMERA_CORE, RECORDER_CORE = 0, 1


class BenchError(Exception):
    pass


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode:
        raise BenchError(f"{' '.join(str(c) for c in command[:4])} … ended with {done.returncode}: "
                         f"{done.stderr.decode(errors='replace').strip()[-600:]}")
    return done.stdout


def wait_for(what, seconds, test):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.2)
    raise BenchError(f"{what}: not within {seconds} s")


def forget(folder):
    """Deletes recordings. The next measurement is not to pay for it: a file system that discards what is freed is busy for seconds."""
    if folder.exists():
        shutil.rmtree(folder)
        os.sync()
        time.sleep(3)


class Process:
    def __init__(self, core, command, log, cwd=None):
        self.log = open(log, "wb")
        self.popen = subprocess.Popen(["taskset", "-c", str(core)] + [str(c) for c in command], stdin=subprocess.DEVNULL,
                                      stdout=self.log, stderr=subprocess.STDOUT, cwd=cwd)
        self.pid = self.popen.pid   # taskset becomes the command

    def alive(self):
        return self.popen.poll() is None

    def stop(self, number=signal.SIGTERM, seconds=15):
        if self.alive():
            self.popen.send_signal(number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


def descendants(pid):
    found = [pid]
    for at in found:
        for task in Path(f"/proc/{at}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def role(pid):
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    name = words[1].decode() if len(words) > 1 else "?"
    return "supervisor" if name == "run" else name


def cpu_ms(pid):
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    return int(fields[11]) * tick, int(fields[12]) * tick


def exact_cpu_ms(pid):
    """The same sum in nanoseconds, where the kernel keeps it; a tick is too coarse for one camera."""
    try:
        return sum(int(t.read_text().split()[0]) for t in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6
    except OSError:
        return 0


def memory_kb(pid):
    """(kB, how): PSS where it may be read, else anonymous memory."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]), "PSS"
    except OSError:
        pass
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]), "RssAnon"
    raise BenchError(f"process {pid} has no memory figure")


def core_busy_ms(core):
    """All of a core's time that is not idle, whoever it was for."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            v = [int(x) for x in line.split()[1:]]
            return (sum(v[:8]) - v[3] - v[4] - v[7]) * 1000 / os.sysconf("SC_CLK_TCK")
    return 0


class Snapshot:
    def __init__(self, pids):
        self.time = time.monotonic()
        self.ticks = {p: cpu_ms(p) for p in pids}
        self.exact = {p: exact_cpu_ms(p) for p in pids}
        self.core = core_busy_ms(RECORDER_CORE)


def measure(find_pids, names, cameras, seconds):
    """CPU and memory of the processes over a window; they must be the same ones at its end."""
    pids = find_pids()
    first = Snapshot(pids)
    memory, how = [], "PSS"
    step = seconds / 5
    for i in range(5):
        time.sleep(max(0, first.time + (i + 0.5) * step - time.monotonic()))
        read = [memory_kb(p) for p in pids]
        memory.append(sum(kb for kb, _ in read))
        how = read[0][1]
    time.sleep(max(0, first.time + seconds - time.monotonic()))
    if find_pids() != pids:
        raise BenchError("a process ended while it was measured")
    last = Snapshot(pids)
    window = last.time - first.time
    user = sum(last.ticks[p][0] - first.ticks[p][0] for p in pids)
    system = sum(last.ticks[p][1] - first.ticks[p][1] for p in pids)
    exact = {p: last.exact[p] - first.exact[p] for p in pids}
    total = sum(exact.values()) or user + system
    shares = {}
    for p in pids:
        shares[names(p)] = shares.get(names(p), 0) + exact[p] / window / cameras
    return {"seconds": round(window, 2), "cpu_ms": total / window / cameras, "user_ms": user / window / cameras,
            "system_ms": system / window / cameras, "core_ms": (last.core - first.core) / window / cameras,
            "memory_kb": sum(memory) / len(memory), "memory_how": how, "shares_ms": shares}
