# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are small, full, gone, swapped, broken or stuck: real file systems of the real kernel.

    own_mounts()                              # from now on what is mounted here is seen by this program and what it starts alone
    disk = Ext4(folder, "a", mb=64)           # mounted at disk.path
    disk.read_only(); disk.unmount(); disk.mount(); disk.fill(leave=1 << 20); disk.close()
    disk = FaultFs(folder, "b")               # FUSE (fault_fs.c): what does not work is said call by call
    disk.say("write errno EIO"); disk.say("sync hang"); disk.say("well"); disk.gone()
    disk = FailingDisk(folder, "c", mb=64)    # ext4 on a loop device on a file of a FaultFs: the kernel's own ext4, on a disk that fails
    disk.fail(); disk.hang(); disk.heal()     # (what FUSE alone cannot: syncfs, threads that no signal ends, a journal that aborts)

Needs root: mounts in a mount namespace of its own, which ends with the last process in it. The test is skipped, with the reason,
where that is not allowed; FaultFs and FailingDisk also where fault_fs was not built (libfuse3) or there is no /dev/fuse.
"""
import ctypes
import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from custos_site import ROOT, check, main, run, skip, wait_for

CLONE_NEWNS = 0x20000


def own_mounts():
    """Must be called before anything is mounted, and by a program with one thread."""
    if os.geteuid() != 0:
        skip("file systems can only be mounted by root")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        skip(f"mount namespaces are not allowed here: {os.strerror(ctypes.get_errno())}")
    p = run("mount", "--make-rprivate", "/", ok=None)
    if p.returncode:
        skip(f"mounts cannot be made private here: {p.stderr.strip()}")


def main_at_once(names, script):
    """As custos_site.main, each test in a process of its own and all at the same time: they wait for disks, not for processors."""
    tests = [n for n in names if n.startswith("test_")]
    if sys.argv[1:]:
        main(names)
    running = {name: subprocess.Popen([sys.executable, script, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, errors="replace") for name in tests}
    # A pipe holds what one of them says.
    said = {name: (process.communicate()[0], process.returncode) for name, process in running.items()}
    for code in (0, 77):
        print("".join(text for text, status in said.values() if status == code), end="")
    failed = "".join(text for text, status in said.values() if status not in (0, 77))
    print(failed, end="", flush=True)
    sys.exit(1 if failed else 77 if any(status == 77 for _, status in said.values()) else 0)


def builds():
    """Where programs of the tests may have been built."""
    return [Path(os.environ.get("CUSTOS_BUILD", ROOT / "build/test")), ROOT / "build/release"]


class Disk:
    """Something that can be mounted at path, which exists all the time."""

    def __init__(self, folder, name):
        self.folder, self.name, self.path = Path(folder), name, Path(folder) / name
        self.path.mkdir(exist_ok=True)

    def mounted(self):
        return os.path.ismount(self.path)

    def unmount(self, lazy=False):
        """lazy: at once, though it is in use, as when a disk is pulled out and the system lets go of it."""
        run("umount", *(["-l"] if lazy else []), self.path)

    def read_only(self, yes=True):
        # Busy as long as a file is open to write: who has just closed one may be a moment behind.
        wait_for(lambda: run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", self.path, ok=None).returncode == 0, 5, f"{self.path} is mounted anew")

    def abort(self):
        """ext4 turns read-only under all who write to it, as when it meets an error."""
        run("mount", "-o", "remount,abort", self.path)

    def free(self):
        room = os.statvfs(self.path)
        return room.f_bavail * room.f_frsize

    def fill(self, leave=0):
        """A file `ballast` that leaves so many bytes; empty() removes it."""
        n = self.free() - leave
        check(n > 0, f"{self.path} has {self.free()} bytes left, less than {leave}")
        with open(self.path / "ballast", "wb") as f:
            while n > 0:
                try:
                    os.posix_fallocate(f.fileno(), 0, n)
                    return
                except OSError as why:  # its own blocks need room too, and others write meanwhile
                    check(why.errno == errno.ENOSPC, f"fill {self.path}: {why}")
                    n -= 64 << 10

    def empty(self):
        (self.path / "ballast").unlink()

    def close(self):
        if self.mounted():
            self.unmount(lazy=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Ext4(Disk):
    """An image of so many MB in a file, mounted through a loop device; formatted when it is new."""

    def __init__(self, folder, name, mb=64, image=None, options=""):
        super().__init__(folder, name)
        self.image, self.options = Path(image or self.folder / f"{name}.img"), options
        if not self.image.exists():
            with open(self.image, "wb") as f:
                f.truncate(mb << 20)
            # No room for root alone, and nothing is initialised later, behind our back.
            run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.mount()

    def mount(self, at=None):
        where = at or self.path
        p = run("mount", "-t", "ext4", "-o", "loop" + (f",{self.options}" if self.options else ""), self.image, where, ok=None)
        if p.returncode:
            skip(f"an image cannot be mounted here: {p.stderr.strip()}")


class Tmpfs(Disk):
    def __init__(self, folder, name, mb=64):
        super().__init__(folder, name)
        self.mb = mb
        self.mount()

    def mount(self):
        p = run("mount", "-t", "tmpfs", "-o", f"size={self.mb}m,mode=0755", "custos-test", self.path, ok=None)
        if p.returncode:
            skip(f"tmpfs cannot be mounted here: {p.stderr.strip()}")


class FaultFs(Disk):
    """fault_fs.c, with its control socket."""

    def __init__(self, folder, name):
        super().__init__(folder, name)
        program = next((b / "test/integ/fault_fs" for b in builds() if (b / "test/integ/fault_fs").exists()), None)
        if not program or not os.access("/dev/fuse", os.R_OK | os.W_OK):
            skip("fault_fs was not built (libfuse3-dev)" if not program else "there is no /dev/fuse")
        self.program, self.backing = program, self.folder / f"{name}.backing"
        self.backing.mkdir(exist_ok=True)
        self.socket_path, self.log_path, self.process, self.control = self.folder / f"{name}.sock", self.folder / f"{name}.log", None, None
        self.mount()

    def mount(self):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen([self.program, self.backing, self.path, self.socket_path], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.mounted() and self._connect(), 10, "fault_fs is mounted", 0.02)
        if self.process.poll() is not None:
            skip(f"FUSE cannot be used here: {self.log_path.read_text().strip()}")

    def _connect(self):
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            control.connect(str(self.socket_path))
        except OSError:
            control.close()
            return False
        control.settimeout(10)
        self.control = control
        return True

    def say(self, command):
        self.control.send(command.encode())
        answer = self.control.recv(256).decode()
        check(answer != "not a command", f"fault_fs: {command}")
        return answer

    def counts(self):
        """{class: calls so far}"""
        words = self.say("counts").split()
        return {words[i]: int(words[i + 1]) for i in range(0, len(words), 2)}

    def gone(self):
        """As a disk that is pulled out: ENOTCONN, until it is unmounted (and mounted again)."""
        self.control.send(b"gone")
        self.process.wait(10)
        self.control.close()

    def close(self):
        if self.process.poll() is None:
            self.say("well")
        if self.mounted() or self.process.returncode is not None:
            run("umount", "-l", self.path, ok=None)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.control:
            self.control.close()


class FailingDisk(Ext4):
    """The kernel's ext4 on a disk that fails: below it everything goes through a FaultFs."""

    def __init__(self, folder, name, mb=64, options=""):
        self.below = FaultFs(folder, f"{name}.disk")
        super().__init__(folder, name, mb, self.below.path / "image", options)

    def fail(self, what="EIO"):
        """No block can be written any more (reading goes on)."""
        self.below.say(f"write errno {what}")
        self.below.say(f"sync errno {what}")

    def hang(self):
        """No write comes back: who writes is in a sleep that no signal ends, SIGKILL included, until heal()."""
        self.below.say("write hang")
        self.below.say("sync hang")

    def slow(self, ms):
        self.below.say(f"write delay {ms}")
        self.below.say(f"sync delay {ms}")

    def heal(self):
        """What hung goes on. An ext4 that met errors stays as it is until it is mounted again (mend())."""
        self.below.say("well")

    def mend(self):
        """The disk works again, and somebody has checked and mounted it."""
        self.heal()
        self.unmount(lazy=True)
        # The loop device lets go when the last file is closed.
        wait_for(lambda: str(self.image) not in run("losetup", "-l", "-n", "-O", "BACK-FILE").stdout, 10, "the disk is let go", 0.1)
        run("fsck.ext4", "-p", "-f", self.image, ok=None)
        self.mount()

    def close(self):
        self.heal()
        super().close()
        until = time.monotonic() + 5
        while str(self.image) in run("losetup", "-l", "-n", "-O", "BACK-FILE").stdout and time.monotonic() < until:
            time.sleep(0.05)
        self.below.close()

