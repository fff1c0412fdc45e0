# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels between the recorder's processes (src/os/chan.h, src/recorder/message.h), spoken by a test: one process of
the program at a time, and this program in the place of all others.
"""
import array
import fcntl
import json
import os
import re
import signal
import socket
import struct
import time
from pathlib import Path

from custos_site import CUSTOS, ROOT, Failure, check


def message_numbers():
    """The numbers of the messages, by their names without MESSAGE_ (src/recorder/message.h)."""
    source = (ROOT / "src/recorder/message.h").read_text()
    body = re.sub(r"/\*.*?\*/", "", source[source.index("enum message_type {"):], flags=re.S).split("};")[0].split("{")[1]
    numbers, n = {}, 0
    for name, value in re.findall(r"MESSAGE_(\w+)(?:\s*=\s*(\d+))?\s*,", body):
        n = int(value) if value else n + 1
        numbers[name] = n
    return numbers


NUMBERS = message_numbers()
PEER = 102  # src/net/link.h


def text(s):
    return struct.pack(">H", len(s)) + s.encode()


def field16(b):
    return struct.pack(">H", len(b)) + b


class Gone(Exception):
    pass


class Channel:
    """One end of a SOCK_SEQPACKET pair: u16 type, then the body."""

    def __init__(self, end):
        self.end = end
        end.settimeout(10)

    def send(self, kind, body=b"", fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            self.end.sendmsg([struct.pack(">H", kind) + body], ancillary)
        except (BrokenPipeError, ConnectionResetError):
            raise Gone from None

    def receive_all(self):
        """(type, body, descriptors)."""
        try:
            data, fds, _, _ = socket.recv_fds(self.end, 1 << 18, 8)
        except ConnectionResetError:
            data, fds, _, _ = socket.recv_fds(self.end, 1 << 18, 8)
        except TimeoutError:
            raise Failure("no answer from the process within 10 s") from None
        if not data:
            raise Gone
        return struct.unpack(">H", data[:2])[0], data[2:], fds

    def receive(self):
        kind, body, fds = self.receive_all()
        for fd in fds:
            os.close(fd)
        return kind, body

    def quiet(self, seconds=0.3):
        """Nothing comes for a while."""
        self.end.settimeout(seconds)
        try:
            return not self.end.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.end.settimeout(10)

    def closed(self):
        """Whether the process ends this channel and says nothing more on it."""
        try:
            kind, _ = self.receive()
            raise Failure(f"message {kind} instead of the channel's end")
        except Gone:
            return True


class Process:
    """A role of the program with this program on its descriptor 3; a sealer's supervisor is on 4, a player's `keys` (an end of its key
    channel, which is closed here)."""

    def __init__(self, folder, state, role, program=CUSTOS, user=None, arguments=(), keys=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if role == "sealer":
            supervisor, keys = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.supervisor = Channel(supervisor)
        self.state, self.role, self.log_path = state, role, Path(folder) / f"{role}-{time.monotonic_ns()}.log"
        command = [str(program), role, "--state", str(state), *map(str, arguments)]
        if user:
            command = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        log = os.open(self.log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        ends = [fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 16) for end in (theirs, keys) if end]  # above where they go
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, log, 1),
                   (os.POSIX_SPAWN_DUP2, log, 2), *((os.POSIX_SPAWN_DUP2, end, 3 + i) for i, end in enumerate(ends))]
        self.pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        for end in (log, *ends):
            os.close(end)
        theirs.close()
        if keys:
            keys.close()
        self.first = Channel(ours)

    def log(self):
        return self.log_path.read_text()

    def end(self):
        """Its first channel closes: it ends by itself."""
        self.first.end.close()
        self.ended()

    def ended(self, wanted=0):
        """It ends by itself, with this status."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                check(os.waitstatus_to_exitcode(status) == wanted, f"the {self.role} ended with {status}: {self.log()}")
                return
            time.sleep(0.05)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise Failure(f"the {self.role} did not end with its channel")


class Peer:
    """The far end of a channel that a Parent was given."""

    def __init__(self, parent, kind, body=b""):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.parent, self.channel = parent, Channel(ours)
        parent.first.send(kind, body, [theirs.fileno()])
        theirs.close()

    def say(self, kind, body=b"", fds=()):
        self.channel.send(kind, body, fds)

    def quiet(self):
        return self.channel.quiet()


class ParentsPorter(Peer):
    """The porter of a Parent, which hands over links as if their certificates had been checked."""

    def __init__(self, parent, state):
        super().__init__(parent, NUMBERS["PORTER"])
        self.site = json.loads((Path(state) / "node/recorder/peers.json").read_text())["site"]

    def hand(self, role, name):
        """Our end of the link with that peer."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        body = {"uri": f"custos://{self.site}/{role}/{name}", "role": role, "name": name, "key": "00" * 32, "address": "127.0.0.1:1",
                "not_after": "2099-01-01T00:00:00Z", "accepted": role == "gateway"}
        self.say(PEER, json.dumps({"v": 1, "type": "peer", "body": body}).encode(), [theirs.fileno()])
        theirs.close()
        return Channel(ours)


class Worker(Peer):
    (ASSIGN, RESEAL, UNASSIGN, SOCKET, DATAGRAMS, NO_SOCKET, FILE, NO_FILE, CONNECT, FILE_WANTED, WRITTEN, UNUSED, STATE, RELEASED,
     NOT_WRITTEN, REASSIGN, LEAVE) = (NUMBERS[n] for n in (
         "ASSIGN", "RESEAL", "UNASSIGN", "SOCKET", "DATAGRAMS", "NO_SOCKET", "FILE", "NO_FILE", "CONNECT", "FILE_WANTED", "WRITTEN", "UNUSED",
         "STATE", "RELEASED", "NOT_WRITTEN", "REASSIGN", "LEAVE"))

    def expect(self, wanted):
        """(stream, the rest of the body, descriptors) of the next message, which has to be of this type."""
        kind, body, fds = self.channel.receive_all()
        check(kind == wanted, f"message {wanted} for the worker, not {kind}")
        n = struct.unpack(">H", body[:2])[0]
        return body[2:2 + n].decode(), body[2 + n:], fds

    def take_terms(self, rest):
        """transport and carrier of an assignment: behind url, user, password."""
        for _ in range(3):
            n = struct.unpack(">H", rest[:2])[0]
            rest = rest[2 + n:]
        self.transport, self.carrier = rest[0], rest[1]

    def assigned(self):
        stream, rest, fds = self.expect(self.ASSIGN)
        self.take_terms(rest)
        check(len(fds) == 1, "an assignment comes with its seal channel")
        os.close(fds[0])
        return stream

    def reassigned(self):
        stream, rest, fds = self.expect(self.REASSIGN)
        self.take_terms(rest)
        check(not fds, "and no second seal channel")
        return stream

    def unassigned(self):
        return self.expect(self.UNASSIGN)[0]

    def state(self, stream, streaming, protection, connected_us):
        """Of message_state; states of ingest/camera.h."""
        self.say(self.STATE, text(stream) + struct.pack(">BBBBqH", 3 if streaming else 4, protection, 0, 0, 0, 0x304 if protection else 0) + text("") +
                 bytes(32) + struct.pack(">qqqQQQQQQ", connected_us, 0, 0, 0, 0, 0, 0, 0, 1) + text(""))

    def released(self, stream):
        self.say(self.RELEASED, text(stream))

    def file(self, stream):
        """Asks for the next file: (object key, descriptor)."""
        self.say(self.FILE_WANTED, text(stream))
        whose, rest, fds = self.expect(self.FILE)
        check(whose == stream and len(fds) == 1, f"a file for {stream}, not for {whose}: {fds}")
        volume, direct, n = struct.unpack(">IBH", rest[:7])
        return rest[7:7 + n].decode(), fds[0]

    def no_file(self, stream):
        """Asks for the next file, and gets none: why."""
        self.say(self.FILE_WANTED, text(stream))
        whose, rest, fds = self.expect(self.NO_FILE)
        check(whose == stream and not fds, f"no file for {stream}: {whose} {fds}")
        return rest[4:].decode()

    def unused(self, stream, object_key):
        self.say(self.UNUSED, text(stream) + text(object_key))

    def not_written(self, stream, object_key, why="a lie"):
        self.say(self.NOT_WRITTEN, text(stream) + text(object_key) + bytes([10, 0]) + text(why))

    def written(self, stream, object_key, sequence=1, end=8192):
        """Of segment_writer_report."""
        self.say(self.WRITTEN, text(stream) + text(object_key) + struct.pack(">QQqq", 4096, end, 1, 2) + bytes(16) +
                 struct.pack(">Q", sequence) + bytes(32) + struct.pack(">IIB", sequence, 25, 0) + b"\0")  # no gaps

    def connect(self, stream, kind):
        self.say(self.CONNECT, text(stream) + bytes([kind]))

    def socket(self, stream):
        whose, rest, fds = self.expect(self.SOCKET)
        check((whose, rest, len(fds)) == (stream, b"", 1), f"one socket for {stream}: {whose} {rest} {fds}")
        return socket.socket(fileno=fds[0])

    def datagrams(self, stream):
        whose, rest, fds = self.expect(self.DATAGRAMS)
        check((whose, len(rest), len(fds)) == (stream, 2, 2), f"a pair for {stream}: {whose} {rest} {fds}")
        for fd in fds:
            os.close(fd)
        return struct.unpack(">H", rest)[0]

    def no_socket(self, stream):
        whose, rest, _ = self.expect(self.NO_SOCKET)
        check(whose == stream, f"for {stream}, not {whose}")
        return rest[4:].decode()


class Connector(Peer):
    CONNECT_TO, CANCEL, CONNECTED, NOT_CONNECTED = (
        NUMBERS[n] for n in ("CONNECT_TO", "CONNECT_CANCEL", "CONNECTED", "NOT_CONNECTED"))

    def wanted(self):
        """(number, kind, host, port) of the next attempt."""
        while True:
            kind, body = self.channel.receive()
            if kind != self.CANCEL:
                break
        check(kind == self.CONNECT_TO, f"a message to connect, not {kind}")
        number, what, n = struct.unpack(">IBH", body[:7])
        check(len(body) == 9 + n, f"host and port and nothing else: {body}")
        return number, what, body[7:7 + n].decode(), struct.unpack(">H", body[7 + n:])[0]

    def cancelled(self):
        """Numbers of the attempts that were given up, of all that has come."""
        numbers = set()
        while not self.quiet():
            kind, body = self.channel.receive()
            if kind == self.CANCEL:
                numbers.add(struct.unpack(">I", body)[0])
        return numbers

    def made(self, number, fds, port=0):
        self.say(self.CONNECTED, struct.pack(">IH", number, port), fds)

    def failed(self, number, why):
        self.say(self.NOT_CONNECTED, struct.pack(">IBB", number, 8, 0) + text(why))


class Parent(Process):
    """The recorder's parent, with a real process for its volume main; this program is its supervisor, manager and sealer (which
    signs nothing), and what worker() and connector are used for."""

    WORKER, SEALER, CONNECTOR, VOLUME, HELLO = (
        NUMBERS[n] for n in ("WORKER", "SEALER", "CONNECTOR", "VOLUME", "SEALER_HELLO"))
    LINK = 100

    def __init__(self, folder, site, program=CUSTOS):
        super().__init__(folder, site.state, "parent", program)
        self.root = (site.state / "site/root.crt").read_text()
        self.workers, self.requests, self.events = 0, 0, []
        self.attach_connector()
        self.volume = self.attach_volume(folder, program)
        self.porter = ParentsPorter(self, site.state)
        self.manager = self.porter.hand("manager", "main")
        self.sealer = Peer(self, self.SEALER)
        self.sealer.say(self.HELLO, struct.pack(">I", 1) + os.urandom(16) + field16(b"c") * 3)

    def attach_volume(self, folder, program):
        """As the supervisor does: a process for the volume that is wanted, its channel to the parent."""
        kind, body = self.first.receive()
        check(kind == NUMBERS["VOLUME_WANTED"], f"it wants a process for its volume first, not {kind}")
        number, n = struct.unpack(">IH", body[:6])
        path, claim, name = body[6:6 + n].decode(), body[6 + n], body[9 + n:].decode()
        check(path == str(self.state / "vault"), f"main lies in the state directory: {path}")
        process = Process(folder, self.state, "volume", program,
                          arguments=["--index", number, "--path", path, "--name", name, *(["--claim"] if claim else [])])
        self.first.send(self.VOLUME, struct.pack(">I", number), [process.first.end.fileno()])
        process.first.end.close()
        return process

    def end(self):
        super().end()
        self.volume.ended()

    def store_key(self, stream):
        """As the sealer does before the first segment of an hour; what lies in the vault afterwards."""
        path = f"keys/{stream}/{time.strftime('%Y-%m-%d/%H', time.gmtime())}.{os.urandom(16).hex()}.json"
        wraps = b'{"wraps": "%s"}' % os.urandom(8).hex().encode()
        self.sealer.say(NUMBERS["KEY_STORE"], text(stream) + text(path) + struct.pack(">I", len(wraps)) + wraps)
        while True:
            kind, body = self.sealer.channel.receive()
            if kind == NUMBERS["KEY_STORED"]:
                break
        check(body == text(stream) + text(path), f"the key that was stored is said: {body}")
        check((self.state / "vault" / path).read_bytes() == wraps, "and lies beside the footage")

    def attach_connector(self):
        self.connector = Connector(self, self.CONNECTOR)

    def worker(self):
        worker = Worker(self, self.WORKER, struct.pack(">I", self.workers))
        self.workers += 1
        return worker

    def ask(self, kind, body):
        """A request of the manager; its answer's body."""
        self.requests += 1
        message = {"v": 1, "id": self.requests, "type": kind, "body": body}
        self.manager.send(self.LINK, json.dumps(message).encode())
        while True:
            answer = json.loads(self.manager.receive()[1])
            if "id" not in answer:
                self.events.append(answer["body"])
            if answer.get("id") == self.requests:
                check(answer["type"] == "answer", f"{kind} is taken: {answer}")
                return answer["body"]

    def event(self):
        """The body of the next event for the manager."""
        if not self.events:
            self.events.append(json.loads(self.manager.receive()[1])["body"])
        return self.events.pop(0)

    def set(self, stream, url, transport, carrier, **more):
        return self.ask("stream.set", {"stream": stream, "url": url, "transport": transport, "carrier": carrier,
                                       "roots": self.root, **more})

    def remove(self, stream):
        return self.ask("stream.remove", {"stream": stream})
