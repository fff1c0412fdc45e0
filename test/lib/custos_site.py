# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests share: a whole system in a temporary state directory, cameras from files beside it,
certificates right and wrong made by the openssl program, and helpers that fail loudly.

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
    from custos_site import Edge, Site, check, main

    def test_it(folder):
        with Site(folder) as site, Edge(folder, {"cam": CARS}, certificate=site.camera_certificate("cam")) as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")

    main(globals())

A test is a program: exit 0 passed, 77 skipped (skip() says why), anything else failed. Processes are ended by their id
alone. What every process says is kept in files; a sanitizer's report in one of them fails the test.
(The file is not named site.py, because Python has a module of that name loaded before any program begins.)
"""
import datetime
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CUSTOS = os.environ.get("CUSTOS", str(ROOT / "build/test/src/custos"))
RELEASE = os.environ.get("CUSTOS_RELEASE", str(ROOT / "build/release/src/custos"))
CARS, DESK = ROOT / "demo/cars-h264-aac.mp4", ROOT / "demo/desk-h265.mp4"
FIXTURES = Path(os.environ.get("CUSTOS_FIXTURES", ROOT.parent / "shared/fixtures"))
USER, PASSWORD = "operator", "correct horse: battery/staple"
SANITIZER = re.compile(r"(AddressSanitizer|ThreadSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:)")
# Sites of a test run beside each other: ports that are free.
PORTS = "\n[link]\nmanager_port = 0\nrecorder_port = 0\n"
PEOPLE = "\n[gateway]\nhttps_port = 0\n"
# Faults of a connection that ended, which may be another one at the next try.
PASSING = ("", "connection-closed", "connection-refused", "no-connection", "connection-timeout")
# The default umask and locale of whoever runs the tests must not matter.
ENV = dict(os.environ, LC_ALL="C.UTF-8")


class Failure(Exception):
    """What check() raises: one sentence for people."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def run(*command, ok=True, timeout=60, stdin=None):
    """Runs a program to its end; ok=True fails unless it exits with 0, a number unless with that, None takes any."""
    p = subprocess.run([str(c) for c in command], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
                       capture_output=True, text=True, errors="replace", timeout=timeout, env=ENV)
    want = 0 if ok is True else ok
    if want is not None and want is not False:
        check(p.returncode == want if want else p.returncode == 0,
              f"{' '.join(map(str, command))}\nended with {p.returncode}, not {want}:\n{p.stdout[-2000:]}{p.stderr[-2000:]}")
    check(not SANITIZER.search(p.stderr), f"{command[0]}: sanitizer report:\n{p.stderr[-6000:]}")
    return p


def custos(*arguments, program=None, ok=True, timeout=60):
    return run(program or CUSTOS, *arguments, ok=ok, timeout=timeout)


def verify(path, trust=None, program=None, ok=None):
    """custos verify --json: (exit status, report)."""
    p = custos("verify", path, *(["--trust", trust] if trust else []), "--json", program=program, ok=ok)
    try:
        return p.returncode, json.loads(p.stdout)
    except ValueError:
        raise Failure(f"custos verify {path} printed no JSON ({p.returncode}): {p.stdout[-500:]}{p.stderr[-1500:]}") from None


def fixture(name):
    path = FIXTURES / name
    if not path.exists():
        skip(f"{path} is not there")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds, what, every=0.1):
    """The first true answer of condition(); fails with `what` (a text, or called for one) when time is over."""
    until = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > until:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(every)


# ---- processes ----

def processes(argument):
    """{pid: argv} of the living processes (not zombies) with this argument on their command line, other than ourselves."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except (OSError, IndexError):
            continue
        if argument in argv and state != "Z":
            found[int(entry.name)] = argv
    return found


def kill(pid, how=signal.SIGKILL):
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


class Program:
    """A process of ours with its output in a file; ended by its id when the block is left."""

    def __init__(self, log, command, env=None):
        self.log_path = Path(log)
        with open(self.log_path, "a") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=dict(ENV, **(env or {})))

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self, seconds=20):
        """SIGTERM, and the exit status."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"process {self.pid} did not end within {seconds} s:\n{self.log()[-4000:]}") from None

    def check_log(self):
        log = self.log()
        check(not SANITIZER.search(log), f"sanitizer report in {self.log_path}:\n{log[-8000:]}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(f"---- end of {self.log_path.name} ----\n{self.log()[-6000:]}", file=sys.stderr)
            self.kill()
            return
        status = self.stop()
        check(status == 0, f"{self.log_path.name}: ended with {status}:\n{self.log()[-4000:]}")
        self.check_log()

    def kill(self):
        self.process.kill()
        self.process.wait()


# ---- certificates, by openssl ----

def make_key(path):
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    os.chmod(path, 0o600)
    return path


def key_pin(key):
    """What --pin takes: SHA-256 over the SubjectPublicKeyInfo."""
    der = subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der, check=True, capture_output=True).stdout.decode()[:64]


class Authority:
    """A CA that signs directly: one of our own, or a site's camera issuer by its files."""

    def __init__(self, folder, key, cert, chain=()):
        self.folder, self.key, self.cert, self.chain = Path(folder), Path(key), Path(cert), chain

    @classmethod
    def new(cls, folder, name):
        key, cert = make_key(folder / f"{name}.key"), folder / f"{name}.crt"
        run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "30", "-out", cert,
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return cls(folder, key, cert)

    def issue(self, name, san="IP:127.0.0.1", expired=False, key=None, days=2):
        """(chain file, key file) of a server certificate. expired: it was good for January 2024."""
        path = self.folder / f"{name}-{time.monotonic_ns()}"
        key = key or make_key(path.with_suffix(".key"))
        csr, leaf, ext, chain = (path.with_suffix(s) for s in (".csr", ".crt", ".ext", ".pem"))
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
        ext.write_text(f"subjectAltName={san}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
                       "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        if expired:
            self._issue_expired(path.with_suffix(".ca"), csr, ext, leaf)
        else:
            run("openssl", "x509", "-req", "-in", csr, "-CA", self.cert, "-CAkey", self.key, "-set_serial", time.monotonic_ns(),
                "-days", days, "-extfile", ext, "-out", leaf)
        chain.write_text("".join(Path(f).read_text() for f in (leaf, *self.chain)))
        return chain, key

    def _issue_expired(self, base, csr, ext, leaf):
        base.mkdir()
        (base / "index.txt").write_text("")
        (base / "serial").write_text("1000\n")
        (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\n"
                                     f"new_certs_dir={base}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        run("openssl", "ca", "-batch", "-config", base / "ca.cnf", "-keyfile", self.key, "-cert", self.cert, "-in", csr,
            "-out", leaf, "-startdate", "20240101000000Z", "-enddate", "20240201000000Z", "-extfile", ext, "-notext")


def self_signed(folder, name, san="IP:127.0.0.1"):
    key, cert = make_key(Path(folder) / f"{name}-self.key"), Path(folder) / f"{name}-self.pem"
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "2", "-out", cert,
        "-addext", f"subjectAltName={san}", "-addext", "extendedKeyUsage=serverAuth")
    return cert, key


def password_file(folder, text=PASSWORD):
    path = Path(folder) / f"password-{time.monotonic_ns()}"
    path.write_text(text + "\n")
    os.chmod(path, 0o600)
    return path


# ---- cameras ----

class Edge(Program):
    """A `custos edge` process: streams {name: file}, certificate (chain, key). port: to serve again where another did."""

    def __init__(self, folder, streams, certificate, *options, program=None, port=0, user=USER, password=PASSWORD,
                 address="127.0.0.1"):
        folder = Path(folder)
        self.user, self.password_file = user, password_file(folder, password)
        port_file = folder / f"edge-{time.monotonic_ns()}.port"
        command = [program or CUSTOS, "edge", "--listen", f"{address}:{port}", "--cert", certificate[0], "--key", certificate[1],
                   "--user", user, "--password-file", self.password_file, "--port-file", port_file]
        for name, path in streams.items():
            command += ["--stream", f"{name}={path}"]
        super().__init__(port_file.with_suffix(".log"), [*command, *options])
        try:
            wait_for(lambda: port_file.exists() or not self.alive(), 20, "custos edge is ready", 0.05)
            check(port_file.exists(), f"custos edge did not start: {self.log()}")
        except Failure:
            self.kill()
            raise
        self.port = int(port_file.read_text())

    def url(self, name, host="127.0.0.1"):
        return f"rtsps://{host}:{self.port}/{name}"

    def plays(self, name):
        """How often a client has played this camera."""
        return len(re.findall(rf"client\.play cam={re.escape(name)} ", self.log()))


# ---- the system ----

class Site:
    """`custos run` in a state directory of its own. config: the text of a settings file. Used as a block it is started at once."""

    def __init__(self, folder, *options, program=None, config=None, state=None):
        self.folder, self.program, self.options = Path(folder), program or CUSTOS, list(options)
        # Short: a Unix socket's path has 107 characters.
        self.state = Path(state) if state else Path(tempfile.mkdtemp(prefix="cst-"))
        self.log_path = self.folder / f"site-{time.monotonic_ns()}.log"
        self.main = None
        if "--config" not in self.options:
            path = self.folder / f"custos-{time.monotonic_ns()}.ini"
            path.write_text((config or "") + ("" if config and "[link]" in config else PORTS) + ("" if config and "[gateway]" in config else PEOPLE))
            self.options += ["--config", str(path)]

    # life

    def init(self):
        """Makes the site and no more."""
        return custos("run", "--init", "--state", self.state, *self.options, program=self.program)

    def start(self, seconds=30, env=None):
        """Starts; returns when the control socket answers and the recorder is there. Also after a kill, as systemd would. env: added to the environment."""
        if self.main:
            self.main.process.poll()
        self.main = Program(self.log_path, [self.program, "run", "--state", self.state, *self.options], env)
        wait_for(lambda: not self.main.alive() or self.status() is not None, seconds, lambda: f"custos run answers\n{self.log()}")
        check(self.main.alive(), f"custos run ended at once:\n{self.log()}")
        # The recorder is a moment behind. Where it cannot come (expired, refused) the test is about that.
        end = time.monotonic() + 3
        while self.main.alive() and not (self.status() or {}).get("recorder") and time.monotonic() < end:
            time.sleep(0.1)
        return self

    def stop(self, seconds=20):
        """As an operator would; checks that nothing is left and no sanitizer spoke."""
        if not self.main:
            return
        status = self.main.stop(seconds)
        check(status == 0, f"custos run ended with {status}:\n{self.log()[-4000:]}")
        wait_for(lambda: not self.processes(), 5, lambda: f"no process is left: {self.processes()}")
        self.main.check_log()
        self.main = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.clean()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
            else:
                print(f"---- end of the site's log ----\n{self.log()[-8000:]}", file=sys.stderr)
        finally:
            self.clean()

    def clean(self):
        """Ends whatever still runs, by id, and removes the state directory."""
        if self.main:
            self.main.kill()
        for pid in self.processes():
            kill(pid)
        wait_for(lambda: not self.processes(), 5, "what was killed has ended")
        shutil.rmtree(self.state, ignore_errors=True)

    # looking

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def processes(self):
        return processes(str(self.state))

    def pids(self):
        """{"supervisor": pid, "manager": pid, "parent": pid, "sealer": pid, "connector": pid, "worker.0": pid, "volume.0": pid, ...} of the living."""
        found = {}
        for pid, argv in self.processes().items():
            role = argv[1] if len(argv) > 1 else ""
            if role == "run" or (role == "manager" and "--supervised" not in argv):
                found["supervisor"] = pid
            elif role == "porter":
                found[f"porter.{argv[argv.index('--role') + 1]}"] = pid
            elif role in ("manager", "parent", "sealer", "connector", "worker", "volume", "scrubber", "gateway"):
                found[f"{role}.{argv[argv.index('--index') + 1]}" if "--index" in argv else role] = pid
        return found

    def steady_pids(self):
        """The same, once nobody begins again: a volume does when it has been claimed."""
        seen = [self.pids()]

        def steady():
            time.sleep(0.5)
            seen.append(self.pids())
            return seen[-1] == seen[-2]
        wait_for(steady, 10, lambda: f"the processes stay: {seen[-2:]}")
        return seen[-1]

    def transcoders(self):
        """Their pids: each is there for one stream or picture."""
        return [pid for pid, argv in self.processes().items() if argv[1:2] == ["transcoder"]]

    def cli(self, *words, ok=True, timeout=60):
        return custos(*words[:1], *words[1:], "--state", self.state, program=self.program, ok=ok, timeout=timeout)

    def ask(self, kind, **body):
        """A request by the control socket (docs/spec/link.md section 2): the answer's body, None where there is none. For what is asked
        again and again: a process for each question would keep a core busy."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(10)
            try:
                s.connect(str(self.state / "control.sock"))
                s.send(struct.pack(">H", 100) + json.dumps({"v": 1, "id": 1, "type": kind, "body": body}).encode())
                answer = json.loads(s.recv(1 << 18)[2:])
            except (OSError, ValueError):
                return None
        return answer["body"] if answer["type"] == "answer" else None

    def _status_of(self, recorder):
        whole, after = None, ""
        while True:
            page = self.ask("status", recorder=recorder, after=after)
            if page is None:
                return None
            of = page["recorder"]
            if whole is None:
                whole = page
            elif of:
                whole["recorder"]["streams"] += of["streams"]
            if not of or not of["more"]:
                return whole
            after = of["streams"][-1]["stream"]

    def status(self):
        """What custos status --json says, None while nobody answers."""
        whole = self._status_of("main")
        for other in whole["recorders"] if whole else ():
            if other["name"] != "main":
                answer = self._status_of(other["name"]) if other["state"] == "connected" else None
                other["status"] = answer["recorder"] if answer else None
        return whole

    def streams(self):
        """{stream path: state} of custos status."""
        status = self.status() or {}
        return {s["stream"]: s for s in (status.get("recorder") or {}).get("streams", [])}

    def stream(self, path):
        return self.streams().get(path, {})

    def fingerprint(self):
        status = self.status()
        check(status, "custos status answers")
        return status["fingerprint"]

    def wait_recording(self, *paths, seconds=20):
        wait_for(lambda: (lambda s: all(s.get(p, {}).get("recording") for p in paths))(self.streams()), seconds,
                 lambda: f"{', '.join(paths)} recorded; status: {json.dumps(self.streams(), indent=1)}")

    def wait_refused(self, path, seconds=20, fault=None):
        """The stream's state once it names this fault; where none is asked for, any that is more than a connection's end."""
        def state():
            s = self.stream(path)
            return s if (s.get("fault") == fault if fault else s.get("fault", "") not in PASSING) else None

        return wait_for(state, seconds,
                        lambda: f"{path} refused; status: {json.dumps(self.stream(path))}")

    def segments(self, path=None):
        return sorted((self.state / "vault").glob(f"{path or '*'}/*/*/*.mp4"))

    def keys_show(self, stream, at_us, *options):
        """{path: key} of the segments that custos keys show finds at this time."""
        at = datetime.datetime.fromtimestamp(at_us / 1e6, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        camera, name = stream.rsplit("-", 1)
        shown = json.loads(self.cli("keys", "show", "--camera", camera, "--stream", name, "--at", at, "--json", *options).stdout)
        return {Path(s["file"]): bytes.fromhex(s["key"]) for s in shown}

    # cameras

    def issuer(self):
        ca = self.state / "site"
        return Authority(self.folder, ca / "cameras.key", ca / "cameras.crt", (ca / "cameras.crt",))

    def camera_certificate(self, name, san="IP:127.0.0.1", **options):
        return self.issuer().issue(name, san, **options)

    def add(self, name, url, user=None, password_file=None, *options, ok=True):
        who = ["--user", user, "--password-file", password_file] if user else []
        return self.cli("camera", "add", name, "--url", url, *who, *options, ok=ok)

    def remove(self, name, ok=True):
        return self.cli("camera", "remove", name, ok=ok)


# ---- a test program ----

def main(names, program=None):
    """Runs the functions test_* of names in their order, each with a folder of its own that goes afterwards."""
    program = program or CUSTOS
    if not os.access(program, os.X_OK):
        skip(f"{program} is not built")
    only = sys.argv[1:]
    for name, test in [(n, f) for n, f in names.items() if n.startswith("test_")]:
        if only and name not in only:
            continue
        folder = Path(tempfile.mkdtemp(prefix="cst-t-"))
        start = time.monotonic()
        try:
            test(folder)
        except Failure as why:
            print(f"FAILED {name}: {why}", flush=True)
            sys.exit(1)
        finally:
            if os.environ.get("CUSTOS_TEST_KEEP"):
                print(f"kept {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
        print(f"passed {name} ({time.monotonic() - start:.1f} s)", flush=True)
    sys.exit(0)
