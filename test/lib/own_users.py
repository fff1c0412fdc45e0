# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' own users (packaging/custos.sysusers), in a database of users that the test alone sees: it runs again in a mount namespace.

    enter()                     # skips where that cannot be
    with Users():
        main(globals())         # root starts a site, and each role is another user
    with Hidden(): ...          # the machine's own users again
"""
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from custos_site import ROOT, Site, check, skip, wait_for

INSIDE = "CUSTOS_TEST_OWN_USERS"
SYSUSERS = ROOT / "packaging/custos.sysusers"


def enter():
    """This program again, in a mount namespace with users of its own."""
    if os.geteuid() != 0:
        skip("only root starts each role as another user")
    if not shutil.which("systemd-sysusers"):
        skip("systemd-sysusers, which makes the users, is not there")
    here = os.readlink("/proc/self/ns/mnt")
    if os.environ.get(INSIDE, here) == here:  # never where the machine itself would see it
        if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
            skip("no mount namespace is allowed here")
        os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], dict(os.environ, **{INSIDE: here}))


class Users:
    """Those of sysusers beside this machine's, seen in this namespace alone; gone when the block is left."""

    files = ("passwd", "group", "shadow", "gshadow")

    def __enter__(self):
        self.root = Path(tempfile.mkdtemp(prefix="cst-u-"))
        (self.root / "etc").mkdir()
        for name in self.files:
            if Path("/etc", name).exists():
                shutil.copy2(f"/etc/{name}", self.root / "etc" / name)
        subprocess.run(["systemd-sysusers", f"--root={self.root}", str(SYSUSERS)], check=True, capture_output=True)
        for name in ("passwd", "group"):
            subprocess.run(["mount", "--bind", str(self.root / "etc" / name), f"/etc/{name}"], check=True)
        return self

    def __exit__(self, *_):
        for name in ("passwd", "group"):
            subprocess.run(["umount", f"/etc/{name}"], check=True)
        shutil.rmtree(self.root)


class Hidden:
    """The machine's own users again, while the block lasts."""

    def __enter__(self):
        self.text = Path("/etc/passwd").read_text()
        Path("/etc/passwd").write_text("".join(line + "\n" for line in self.text.splitlines() if not line.startswith("custos-")))

    def __exit__(self, *_):
        Path("/etc/passwd").write_text(self.text)


ROLES = {"manager": "custos-manager", "parent": "custos-recorder", "sealer": "custos-sealer", "connector": "custos-connector",
         "worker.0": "custos-worker", "volume.0": "custos-volume", "scrubber": "custos-player", "gateway": "custos-gateway",
         "porter.manager": "custos-manager-porter", "porter.recorder": "custos-recorder-porter", "porter.gateway": "custos-gateway-porter"}
TRY = """
import json, os, socket, sys
def go(path, kind):
    if kind == "socket":
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(path)
    elif kind == "move":
        os.rename(path, path + ".gone")
    elif kind == "make":
        open(os.path.join(path, "made"), "w")
    else:
        open(path, "rb").read(1)
def tried(path, kind):
    try:
        go(path, kind)
        return True
    except PermissionError:
        return False
print(json.dumps([tried(path, kind) for path, kind in json.loads(sys.argv[1])]))
"""


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {k: v.split() for k, v in (line.split(":", 1) for line in lines)}


def check_process(role, pid):
    who, s = pwd.getpwnam(ROLES[role]), status_of(pid)
    check(s["Uid"] == [str(who.pw_uid)] * 4, f"{role} is {ROLES[role]} ({who.pw_uid}) alone: {s['Uid']}")
    check(s["Gid"] == [str(who.pw_gid)] * 4 and s["Groups"] == [], f"{role}: groups {s['Gid']} {s['Groups']}")
    check(all(int(s[c][0], 16) == 0 for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), f"{role} has no capability: {s}")
    check(s["NoNewPrivs"] == ["1"], f"{role} gains none: {s['NoNewPrivs']}")
    wait_for(lambda: status_of(pid)["Seccomp"] == ["2"], 10, f"{role} is confined too")


def check_all(site):
    pids = wait_for(lambda: (lambda p: p if set(ROLES) <= set(p) else None)(site.steady_pids()), 20, lambda: f"all roles run: {site.pids()}")
    for role in ROLES:
        check_process(role, pids[role])
    # worker.1 and so on
    for role, pid in pids.items():
        if role.startswith("worker"):
            check(status_of(pid)["Uid"][0] == str(pwd.getpwnam("custos-worker").pw_uid), f"{role} is a worker")
    return pids


def attempt(role, *tries):
    """Which of these (path, kind) a process can do that is this role's user, with its group and nothing else: no sandbox is around it."""
    who = pwd.getpwnam(ROLES[role])
    p = subprocess.run([sys.executable, "-c", TRY, json.dumps([(str(path), kind) for path, kind in tries])], user=who.pw_uid, group=who.pw_gid,
                       extra_groups=[], capture_output=True, text=True, cwd="/")
    check(p.returncode == 0, f"{role} tries {tries}: {p.stderr}")
    return json.loads(p.stdout)


def open_folder(folder, site):
    """The test's own directories are for root alone; the roles read their settings there."""
    folder.chmod(0o755)
    Path(site.options[-1]).chmod(0o644)


def site_of(folder):
    site = Site(folder, config="[recorder]\nsegment_s = 3\nfragment_ms = 500\nworkers = 1\n[link]\nmanager_port = 0\nrecorder_port = 0\n")
    open_folder(folder, site)
    return site
