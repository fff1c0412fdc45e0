# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one volume (src/recorder/volume_role.h), driven over its channel: this program is the recorder's parent."""
import json
import os
import struct
import time
from collections import namedtuple

from channels import Gone, Process, text
from custos_site import CUSTOS, Failure, check, custos

FILE, KEY, SYNC, TAIL, REMOVE, READ, LOCK, SESSION = range(100, 108)
STATE, DONE, FAILED, MADE, END, TROUBLE = range(108, 114)

State = namedtuple("State", "readable name recorder id session fault text total free device")
Made = namedtuple("Made", "fd direct key")
Refusal = namedtuple("Refusal", "code fault text")  # FAILED
Tail = namedtuple("Tail", "empty key epoch sequence hash last_us bytes cut fragments closed first_us damaged")


def fault_names(program=CUSTOS):
    """Names in the order of enum fault, of the program itself."""
    return [""] + [row["fault"] for row in json.loads(custos("errors", "--json", program=program).stdout)]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def bytes(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def text(self):
        return self.bytes(self.take("H")).decode()


class Volume(Process):
    faults = None

    def __init__(self, folder, path, name="second", claim=False, number=1, program=CUSTOS, user=None, hello=True, state=None):
        arguments = ["--index", number, "--path", path, "--name", name, *(["--claim"] if claim else [])]
        Volume.faults = Volume.faults or fault_names(program)
        super().__init__(folder, state or folder, "volume", program, user, arguments)
        self.ids, self.answers, self.states, self.state = 0, {}, 0, None
        if hello:
            self.hello()

    def hello(self):
        self._receive()
        check(self.state is not None and not self.answers, "the first message is its state")
        return self.state

    def _receive(self):
        kind, body, fds = self.first.receive_all()
        r = Reader(body)
        if kind == STATE:
            readable, name, recorder = r.take("B"), r.text(), r.text()
            self.state = State(bool(readable), name, recorder, r.bytes(16), r.bytes(16), self.faults[r.take("B")], r.text(), *r.take("QQ"),
                               r.text())
            self.states += 1
            return
        number = r.take("I")
        if kind == DONE:
            self.answers[number] = True
        elif kind == FAILED:
            self.answers[number] = Refusal(r.take("B"), self.faults[r.take("B")], r.text())
        elif kind == MADE:
            self.answers[number] = Made(fds.pop(0), bool(r.take("B")), r.text())
        elif kind == END:
            self.answers[number] = Tail(bool(r.take("B")), r.text(), r.bytes(16), r.take("Q"), r.bytes(32), *r.take("qQQI"), bool(r.take("B")),
                                        r.take("q"), bool(r.take("B")))
        else:
            raise Failure(f"message {kind} from a volume")
        check(r.at == len(body) and not fds, f"message {kind} is read to its end")

    def ask(self, kind, body=b""):
        """Sends a request; its number."""
        self.ids += 1
        self.first.send(kind, struct.pack(">I", self.ids) + body)
        return self.ids

    def answer(self, number, seconds=10):
        until = time.monotonic() + seconds
        while number not in self.answers:
            self._wait(until, f"an answer to request {number}")
        return self.answers.pop(number)

    def _wait(self, until, what):
        left = until - time.monotonic()
        if left <= 0:
            raise Failure(f"not in time: {what}; state {self.state and self.state.fault}: {self.log()[-600:]}")
        self.first.end.settimeout(left)
        try:
            self._receive()
        except Failure as why:
            raise Failure(f"not in time: {what}; state {self.state and self.state.fault}: {self.log()[-600:]}") from why

    def unanswered(self, number, seconds):
        """Nothing comes for this request so long."""
        until = time.monotonic() + seconds
        while number not in self.answers and time.monotonic() < until:
            self.first.end.settimeout(max(0.01, until - time.monotonic()))
            try:
                self._receive()
            except Failure:
                break
        return number not in self.answers

    def wait_state(self, condition, seconds=10, what="a state"):
        """The next state (or the present one) that fulfils the condition."""
        until = time.monotonic() + seconds
        while not condition(self.state):
            self._wait(until, what)
        return self.state

    def wait_fault(self, fault, seconds=10):
        return self.wait_state(lambda s: s.fault == fault, seconds, f"the state {fault or 'healthy'}")

    def next_state(self, seconds=10):
        until, before = time.monotonic() + seconds, self.states
        while self.states == before:
            self._wait(until, "a state")
        return self.state

    def wait_moved(self, seconds=10, status=0):
        """It says so and ends with 0, which means: at once again."""
        until = time.monotonic() + seconds
        try:
            while True:
                self._wait(until, "that it begins again")
        except Gone:
            self.ended(status)
        return self.state

    def file(self, stream="desk-main", wall_us=None):
        return self.answer(self.ask(FILE, text(stream) + struct.pack(">q", wall_us or time.time_ns() // 1000)))

    def key(self, path, content):
        return self.answer(self.ask(KEY, text(path) + struct.pack(">I", len(content)) + content))

    def sync(self, seconds=10):
        return self.answer(self.ask(SYNC), seconds)

    def tail(self, stream, key, bound=None, alone=False):
        return self.answer(self.ask(TAIL, text(stream) + text(key) + bytes([bound is not None]) + (bound or bytes(56)) + bytes([alone]) + bytes(56)))

    def remove(self, *names):
        return self.answer(self.ask(REMOVE, struct.pack(">I", len(names)) + b"".join(map(text, names))))

    def read(self, key):
        return self.answer(self.ask(READ, text(key)))

    def lock(self, number, content=b""):
        return self.answer(self.ask(LOCK, text(number) + struct.pack(">H", len(content)) + content))

    def session(self, session):
        self.first.send(SESSION, session)
        return self.answer(0)

    def trouble(self, fault, why):
        self.first.send(TROUBLE, bytes([self.faults.index(fault)]) + text(why))


def close(made):
    check(isinstance(made, Made), f"a file, not {made}")
    os.close(made.fd)
    return made.key
