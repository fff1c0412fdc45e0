#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-MEMDUMP: what a memory image of each process of a running site would give away, while it records and somebody watches.

Every page of every process is looked through for the keys that the site has, in each form in which a program holds them. A key may stand
in the processes that design/processes.md and ARCHITECTURE.md give it to, and in no other; in those that use it, it is found, so that not
finding it elsewhere means something. (A core dump holds less: some pages are left out of it.)

And nobody but root can take such an image, not even another process of the same user; a process that crashes leaves none.
"""
import base64
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, DESK, Edge, Site, check, kill, main, skip, wait_for
from gateway import Subscription, media_key
from live_links import Linked, grant, recorder_link
from manager_desk import secret_of
from memory import PROGRAM, ec_key, raw, scalar, scan, text_of
from people import Front, add_person
from vault_bytes import Segment, hour_key, segment_key

STREAMS = ("cars-main", "desk-main")
PROCESSES = ("supervisor", "manager", "parent", "sealer", "connector", "worker.0", "worker.1", "volume.0", "porter.manager", "porter.recorder", "gateway", "porter.gateway")


def kit_forms(path):
    """The private half on the recovery kit (docs/spec/vault.md section 8): 56 letters in groups, of which the last 5 are a checksum's."""
    text = Path(path).read_text().split("Key:")[1].strip()
    letters = "".join(text.split())[:56]
    return {**scalar(base64.b32decode(letters)[:32]), "letters": letters.encode(), "groups": text[:30].encode()}


class Secrets:
    """{name: (its forms, who may hold it, who must)}."""

    def __init__(self):
        self.all = {}

    def add(self, name, forms, may, must=()):
        self.all[name] = (forms, set(may) | set(must), set(must))

    def forms(self):
        return {name: forms for name, (forms, _, _) in self.all.items()}

    def judge(self, role, found):
        """What of it should not be there, or should be."""
        wrong = [f"{role} holds {name}: {places[0]} ({len(places)} places)" for name, places in found.items() if role not in self.all[name][1]]
        return wrong + [f"{role} has not {name}, which it needs" for name, (_, _, must) in self.all.items() if role in must and name not in found]


def keys_of_site(site, secrets):
    state = site.state
    for issuer in ("nodes", "cameras", "web", "seals"):
        secrets.add(f"the {issuer} issuer's key", ec_key(state / f"site/{issuer}.key"), [], ["manager"])
    secrets.add("the root's key", ec_key(state / "site/root.key"), [])
    secrets.add("the grant key", ec_key(state / "manager/grant.key"), [], ["manager"])
    for role in ("manager", "recorder"):
        secrets.add(f"the {role}'s node key", ec_key(state / f"node/{role}/node.key"), [], [f"porter.{role}"])
    secrets.add("the sealing key", ec_key(state / "recorder/seal.key"), [], ["sealer"])
    wrap = bytes.fromhex((state / "recorder/wrap.key").read_text().strip())
    secrets.add("the recorder's key for hour keys", scalar(wrap), [], ["sealer"])
    secrets.add("the recovery kit's private half", kit_forms(state / "recovery-kit.txt"), [])
    return wrap


def worker_of(site, stream):
    return f"worker.{site.stream(stream)['worker']}"


def with_footage(site, stream):
    """Its segments, without one that has just been made."""
    return [s for s in map(Segment, site.segments(stream)) if s.fragments]


def keys_of_footage(site, secrets, workers, wrap):
    """Of each stream's open segment, and of the one before it. Which are other ones every few seconds."""
    vault = site.state / "vault"
    for stream, worker in workers.items():
        before, last = with_footage(site, stream)[-2:]
        secrets.add(f"the hour key of {stream}", raw(hour_key(vault, last, wrap)), [], ["sealer"])
        secrets.add(f"the segment key of {stream}", raw(segment_key(vault, last, wrap)), ["sealer"], [worker])
        # It may be the one that is played.
        secrets.add(f"the segment key before of {stream}", raw(segment_key(vault, before, wrap)), ["player"] if stream == "cars-main" else [])
    first = segment_key(vault, with_footage(site, "cars-main")[0], wrap)
    secrets.add("the segment key of what is played", raw(first), ["sealer"], ["player"])


def all_processes(site):
    """The site's, with players."""
    pids = site.pids()
    for pid, argv in site.processes().items():
        if len(argv) > 1 and argv[1] == "player":
            pids["player"] = pid
    return pids


def judge(secrets, pids):
    """What is wrong with what these processes hold; and what each holds, and how many bytes it has."""
    wrong, held = [], {}
    for role, pid in sorted(pids.items()):
        found, looked = scan(pid, secrets.forms())
        wrong += secrets.judge(role, found)
        held[role] = sorted(found), looked
    return wrong, held


def test_each_process_holds_its_own_keys_alone(folder):
    if not PROGRAM.exists():
        skip(f"{PROGRAM} is not built")
    passwords = {name: f"pw-{name}-{os.urandom(12).hex()}" for name in ("cars", "desk")}
    with Site(folder, config="[recorder]\nworkers = 2\nsegment_s = 6\n\n[link]\nmanager_port = 0\nrecorder_port = 0\n") as site:
        certificate = site.camera_certificate("cams")
        with Edge(folder, {"cars": CARS}, certificate, password=passwords["cars"]) as cars, \
                Edge(folder, {"desk": DESK}, certificate, password=passwords["desk"]) as desk:
            begin = time.time()
            site.add("cars", cars.url("cars"), cars.user, cars.password_file)
            site.add("desk", desk.url("desk"), desk.user, desk.password_file)
            site.wait_recording("cars-main", "desk-main")
            asks = Front(folder, site)
            try:
                add_person(site, "Erika")
                session = asks.sign_in("Erika")
                front = Linked(asks.uri, recorder_link(asks.porter, site))
                watching = front.open("cars-main", grant(asks, session, front, "cars-main"))
                front.read(25, lambda: min(len(with_footage(site, s)) for s in STREAMS) >= 2)
                check(watching.things, "somebody watches live")
                playing = play(front, asks, session, "cars-main", begin)
                while_recording(site, passwords, watching, playing)
            finally:
                asks.porter.kill()
            afterwards(site, passwords, watching)


def play(front, asks, session, stream, begin):
    """Playback with the least credit: its player waits with the rest."""
    span = {"from": iso(begin), "until": iso(begin + 3600)}
    token = grant(asks, session, front, stream, use="playback", **span)
    number = 77
    wrap = bytes.fromhex(front.ask("media.open", subscription=number, use="playback", stream=stream, grant=token.decode(), credit=128 << 10, **span)["wrap"])
    front.subscriptions[number] = Subscription(number, stream, media_key(front.private, stream, token, wrap), 128 << 10)
    return front.subscriptions[number]


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))


def keys_of_people(site, secrets, passwords, workers, watching, playing):
    for name, password in passwords.items():
        secrets.add(f"the password of {name}", text_of(password), ["parent"], ["manager", workers[f"{name}-main"]])
    secrets.add("the media key of who watches", raw(watching.raw_key), [], [workers["cars-main"]])
    secrets.add("the media key of who plays", raw(playing.raw_key), [], ["player"])
    code = json.loads(site.cli("node", "add", "recorder", "late", "--json").stdout)["code"]
    secrets.add("the secret of an open code", {**raw(bytes.fromhex(secret_of(code))), "letters": code[-40:].encode()}, [])


def while_recording(site, passwords, watching, playing):
    secrets, workers = Secrets(), {s: worker_of(site, s) for s in STREAMS}
    check(len(set(workers.values())) == 2, f"a worker for each camera: {workers}")
    wrap = keys_of_site(site, secrets)
    keys_of_people(site, secrets, passwords, workers, watching, playing)
    pids = all_processes(site)
    check(set(PROCESSES + ("player",)) <= set(pids), f"all processes are there: {sorted(pids)}")
    first = {role: pids.pop(role) for role in workers.values()}
    for _ in range(12):
        keys_of_footage(site, secrets, workers, wrap)
        wrong, held = judge(secrets, first)
        if not wrong:
            break  # else an open segment may have become the one before meanwhile
        time.sleep(0.3)
    more, others = judge(secrets, pids)
    held.update(others)
    for role, (names, _) in held.items():
        print(f"  {role:<16}" + ("; ".join(names) or "none"))
    print(f"  {sum(n for _, n in held.values()) >> 20} MiB of {len(held)} processes looked through for {len(secrets.all)} secrets")
    check(not wrong + more, "\n  ".join(["keys where they should not be:", *wrong, *more]))


def afterwards(site, passwords, watching):
    """What was used is gone: of who watched, and of a camera that was removed."""
    site.remove("desk")
    wait_for(lambda: "desk-main" not in site.streams() and "player" not in all_processes(site), 10, "the camera and the player are gone")
    time.sleep(1)
    secrets = Secrets()
    secrets.add("the media key of who watched", raw(watching.raw_key), [])
    # The manager's database has pages in its memory, which it uses again.
    secrets.add("the password of a camera that was removed", text_of(passwords["desk"]), ["manager"])
    secrets.add("the password of one that is there", text_of(passwords["cars"]), ["parent"], ["manager", worker_of(site, "cars-main")])
    wrong, _ = judge(secrets, all_processes(site))
    check(not wrong, "\n  ".join(["what is not used any more:", *wrong]))
    site.stop()
    database = b"".join(p.read_bytes() for p in site.state.glob("site.sqlite*"))
    check(passwords["desk"].encode() not in database and passwords["cars"].encode() in database, "and not in its database's file")


# ---- who can take an image, and what a crash leaves ----

# As a process of the same user would try: each way in, of each process named; what went through.
THIEF = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in map(int, sys.argv[1:]):
    for name in ("mem", "maps", "environ", "pagemap"):
        try:
            os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
            print(pid, name)
        except OSError:
            pass
    if libc.ptrace(16, pid, 0, 0) == 0:  # PTRACE_ATTACH
        print(pid, "ptrace")
        os.waitpid(pid, 0)
        libc.ptrace(17, pid, 0, 0)
"""


class AnotherUser:
    """Commands as a user that is not root: nobody, where we are root."""

    def __init__(self, folder):
        self.command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        self.folder = Path(folder) / "nobody"
        self.folder.mkdir()
        os.chmod(folder, 0o755)
        if os.geteuid() == 0:
            os.chown(self.folder, 65534, 65534)

    def can_run(self, program):
        return subprocess.run([*self.command, program, "--version"], capture_output=True, check=False).returncode == 0

    def steal(self, *pids):
        p = subprocess.run([*self.command, sys.executable, "-c", THIEF, *map(str, pids)], capture_output=True, text=True, check=True)
        return p.stdout.split("\n")[:-1]

    def begin(self, *command):
        """In its folder, with cores as large as they like where that is allowed."""
        def unlimited():
            hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        log = open(self.folder / "log", "a")
        return subprocess.Popen([*self.command, *map(str, command)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                preexec_fn=unlimited)

    def cores(self):
        return [p.name for p in self.folder.rglob("core*") if p.is_file()]


def test_nobody_takes_an_image_and_a_crash_leaves_none(folder):
    other = AnotherUser(folder)
    if not other.can_run(Path(CUSTOS).resolve()):
        skip(f"another user cannot run {CUSTOS}")
    config = other.folder / "custos.ini"
    config.write_text("[link]\nmanager_port = 0\nrecorder_port = 0\n")
    state = other.folder / "s"
    site = Site(folder, state=state)
    running = other.begin(Path(CUSTOS).resolve(), "run", "--state", state, "--config", config)
    sleeper = other.begin("sleep", "60")
    try:
        wait_for(lambda: site.status() and len(site.pids()) >= 10, 30, lambda: f"all run: {site.pids()}\n{(other.folder / 'log').read_text()}")
        pids = site.steady_pids()

        def owners():
            return {role: os.stat(f"/proc/{pid}/environ").st_uid for role, pid in pids.items()}
        wait_for(lambda: set(owners().values()) == {0}, 5, lambda: f"what is not to be traced belongs to root in /proc: {owners()}")
        check(f"{sleeper.pid} mem" in other.steal(sleeper.pid), "another process of that user can be read: the thief can do what it should not")
        check(not other.steal(*pids.values()), f"nothing of ours: {other.steal(*pids.values())} of {pids}")
        for role, pid in pids.items():
            limit = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size"))
            check(limit.split()[4:6] == ["0", "0"], f"{role}: {limit}")
        sleeper.send_signal(signal.SIGABRT)
        sleeper.wait(10)
        keeps = bool(other.cores())
        for name in other.cores():
            os.unlink(other.folder / name)
        for role in ("sealer", "worker.0", "porter.recorder", "manager"):
            kill(pids[role], signal.SIGABRT)
        wait_for(lambda: all(site.pids().get(r) not in (None, pids[r]) for r in ("sealer", "worker.0", "porter.recorder", "manager")), 20,
                 lambda: f"they died, and others are there: {site.pids()} {pids}")
        check(not other.cores(), f"no core: {other.cores()}")
        print("  " + ("a sleep of the same user left a core, ours none" if keeps else "this machine keeps no cores: only the limits were looked at"))
    finally:
        for p in (sleeper, running):
            if p.poll() is None:
                p.terminate()
        running.wait(20)
        sleeper.wait(10)
        site.clean()


if __name__ == "__main__":
    main(globals())
