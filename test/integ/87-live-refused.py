#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody sees a camera live without a grant, nor behind its end; and what the parent does of it alone.

As 87-live.py; and a parent whose worker, sealer and gateways are this program: who says what to whom, in which order, and what a worker
that lies gets done.
"""
import json
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from channels import NUMBERS, Parent, text
from cryptography.exceptions import InvalidTag
from custos_site import Site, check, main, wait_for
from gateway import FRAGMENT, HEAD, HEADER, KEY, LINK, MEDIA, SKIPPED, Gateway, Live, Refused, media_key, whole_groups

SKEW = 30


def test_nobody_else_does(folder):
    with Live(folder) as live:
        front, back = Gateway(live.roles, "front"), Gateway(live.roles, "back")
        good, node = live.roles.signer, grants.Signer.new(live.site, "custos://{site}/gateway/front", grants.TLS)
        theirs = front.token("cars-main")
        check("another gateway" in back.refused("denied", "cars-main", theirs), "a grant of another gateway")
        forged = node.grant(live.site, ["cars-main"], session=back.session, gateway=back.uri)
        why = back.refused("denied", "cars-main", forged)
        check("certificate" in why, f"a grant that a gateway signed for itself: {why}")
        back.refused("denied", "desk-main", back.token("cars-main"))
        back.refused("denied", "cars-main", back.token("cars-main", use=["export"], **{"from": "2026-01-01T00:00:00.000000Z", "until": "2036-01-01T00:00:00.000000Z"}))
        back.refused("denied", "cars-main", back.token("cars-main", ago=600, seconds=60))
        back.refused("invalid", "cars-main", b"no grant")
        back.refused("invalid", "cars-main", b"a.b.c")
        back.refused("invalid", "cars-main", back.token("cars-main"), credit=1000)
        back.refused("invalid", "cars-main", back.token("cars-main"), credit=-5)
        back.refused("exhausted", "cars-main", back.token("cars-main"), credit=1 << 40)
        back.refused("invalid", "cars-main", back.token("cars-main"), subscription=0)
        back.refused("invalid", "cars-main", back.token("cars-main"), use="playback")
        back.refused("not_found", "none-main", back.token("none-main"))
        for kind in ("media.credit", "media.close", "status.get"):
            try:
                back.ask(kind, **({"subscription": 7, "bytes": 1} if kind == "media.credit" else {"subscription": 7} if kind == "media.close" else {}))
                check(False, f"{kind} is answered")
            except Refused as why:
                check(str(why).split(":")[0] in ("not_found", "invalid"), f"{kind}: {why}")
        check(not back.wire and not front.wire, "no byte of media to anybody")

        # What is sealed for a session opens with its key alone.
        token = front.token("cars-main")
        wrap = bytes.fromhex(front.ask("media.open", subscription=1, use="live", stream="cars-main", grant=token.decode(), credit=1 << 20)["wrap"])
        for private, stream, of in ((back.private, "cars-main", token), (front.private, "desk-main", token), (front.private, "cars-main", theirs)):
            try:
                media_key(private, stream, of, wrap)
                check(False, "another's wrap opens")
            except InvalidTag:
                pass
        front.ask("media.close", subscription=1)

        # It runs out by itself, unless it is renewed.
        short = dict(ago=60 + SKEW - 4, seconds=60)
        first, second = (front.open("cars-main", front.token("cars-main", **short)) for _ in range(2))
        front.ask("media.grant", subscription=second.number, grant=front.token("cars-main").decode())
        try:
            front.ask("media.grant", subscription=second.number, grant=front.token("desk-main").decode())
            check(False, "a grant of another stream renews")
        except Refused as why:
            check(str(why).startswith("denied"), f"renewing with another stream's: {why}")
        check(front.read(10, lambda: first.ended), "the one that was not renewed ends")
        check(first.ended["fault"] == "grant-expired" and first.ended["remedy"], f"with its reason: {first.ended}")
        before = second.got
        check(front.read(5, lambda: second.got > before + 100000), "and the other goes on")

        # Its worker dies: it is said, and it can be opened again, with the same grant.
        live.roles.worker_died()
        check(front.read(10, lambda: second.ended), "the worker's end is said")
        check(second.ended["code"] == "unavailable", f"it may be opened again: {second.ended}")
        wait_for(lambda: live.roles.streams()["cars-main"]["recording"], 20, "recorded again")
        third = front.open("cars-main", front.token("cars-main"))
        check(front.read(10, lambda: len(third.of(FRAGMENT)) > 30), "and is seen again")
        whole_groups(third)
        # The stream goes: so does the watching.
        live.roles.ask("stream.remove", stream="cars-main")
        check(front.read(10, lambda: third.ended), f"removed: {third.ended}")
        wait_for(lambda: "cars-main" not in live.roles.streams(), 10, "it is gone")
        front.refused("not_found", "cars-main", front.token("cars-main"))
        # A gateway that sends what it may not is cut off; recording does not notice.
        back.channel.send(MEDIA, bytes(60))
        check(back.channel.closed(), "no media from a gateway")
        check(live.roles.streams()["desk-main"]["recording"], "recording goes on")
        live.roles.stop()


# ---- the parent alone: this program is its worker and its sealer too ----

def message(kind, flags, number, body, us=1795400000000000):
    return HEAD.pack(1, kind, flags, 0, number, us) + body + bytes(16)


class Played:
    """A parent with one stream in the hands of a worker and a sealer that are played."""

    def __init__(self, folder, stream="cam-main"):
        self.site, self.stream = Site(folder), stream
        self.site.init()
        self.signer = grants.Signer.new(self.site)
        self.parent = Parent(folder, self.site)
        self.worker = self.parent.worker()
        self.parent.ask("stream.set", {"stream": stream, "url": "rtsps://127.0.0.1:1/x", "transport": "tls", "roots": self.parent.root})
        self.worker.assigned()
        self.sealer = self.parent.sealer

    def asked(self):
        """(watch, token) of the next grant that the sealer gets."""
        while True:
            kind, body = self.sealer.channel.receive()
            if kind == NUMBERS["GRANT"]:
                break
        watch, n = struct.unpack(">IH", body[:6])
        check(body[6:6 + n].decode() == self.stream, f"for {self.stream}: {body[6:6 + n]}")
        return watch, body[8 + n:]

    def watched(self, watch, group):
        self.worker.say(NUMBERS["WATCHED"], text(self.stream) + struct.pack(">IqI", watch, 1 << 60, group) + bytes(range(113)))

    def media(self, group, *messages):
        for m in messages:
            self.worker.say(NUMBERS["MEDIA"], text(self.stream) + struct.pack(">I", group) + m)

    def unwatched(self):
        stream, rest, _ = self.worker.expect(NUMBERS["UNWATCH"])
        check(stream == self.stream, f"of {self.stream}: {stream}")
        return struct.unpack(">I", rest)[0]


class Plain(Gateway):
    """Looks at messages as they come, and opens none."""

    def __init__(self, played, name):
        played.parent.site, played.parent.signer = played.site, played.signer
        shell = type("Shell", (), {"porter": played.parent.porter, "site": played.site, "signer": played.signer})
        super().__init__(shell, name)

    def wants(self, stream, number, credit=1 << 20):
        return self.say("media.open", subscription=number, use="live", stream=stream, grant=self.token(stream).decode(), credit=credit)

    def answer(self, wanted):
        while True:
            answer = self.one()
            if answer:
                check(answer["id"] == wanted, f"an answer to {wanted}: {answer}")
                return answer

    def heads(self, n):
        while len(self.wire) < n:
            check(self.one() is None, "media, and no answer")
        got, self.wire = [HEAD.unpack(m[:24]) for m in self.wire], []
        return [(h[3], h[1], h[2], h[4]) for h in got]


def test_the_parent_passes_on(folder):
    p = Played(folder)
    try:
        front = Plain(p, "front")
        first = front.wants(p.stream, 5)
        watch, token = p.asked()
        check(token.count(b".") == 2 and front.channel.quiet(), "the sealer is asked, and nothing is said before it answers")
        p.media(1, message(HEADER, 0, 0, b"early"))
        p.watched(watch, 1)
        check(front.answer(first)["body"]["wrap"] == bytes(range(113)).hex(), "the worker's wrap")
        p.media(1, message(FRAGMENT, 0, 1, b"before a header"), message(HEADER, 0, 2, b"h"), message(FRAGMENT, KEY, 3, b"k"), message(FRAGMENT, 0, 4, b"f"))
        p.media(2, message(HEADER, 0, 0, b"h"), message(FRAGMENT, KEY, 1, b"of another session"))
        check(front.heads(3) == [(5, HEADER, 0, 2), (5, FRAGMENT, KEY, 3), (5, FRAGMENT, 0, 4)] and front.channel.quiet(), "what is sealed for it")
        # A second one of the same session begins with a header of its own; each is its own subscription.
        second = front.wants(p.stream, 6, credit=64 << 10)
        other, _ = p.asked()
        p.watched(other, 1)
        front.answer(second)
        p.media(1, message(FRAGMENT, 0, 5, b"f"), message(HEADER, 0, 6, b"h"), message(FRAGMENT, KEY, 7, bytes(40000)), message(FRAGMENT, 0, 8, bytes(40000)),
                message(FRAGMENT, KEY, 9, bytes(60000)))
        heads = front.heads(7)
        check([h[1:] for h in heads if h[0] == 5] == [(FRAGMENT, 0, 5), (HEADER, 0, 6), (FRAGMENT, KEY, 7), (FRAGMENT, 0, 8), (FRAGMENT, KEY, 9)], f"all: {heads}")
        check([h[1:] for h in heads if h[0] == 6] == [(HEADER, 0, 6), (FRAGMENT, KEY, 7)], f"as far as its credit goes: {heads}")
        front.ask("media.credit", subscription=6, bytes=40 + 1 + 40040)
        p.media(1, message(FRAGMENT, 0, 10, b"f"), message(FRAGMENT, KEY, 11, b"k"))
        check([h[1:] for h in front.heads(3) if h[0] == 6] == [(FRAGMENT, KEY | SKIPPED, 11)], "and on with the next key frame, saying so")
        for bytes_ in (1 << 20, -1):
            try:
                front.ask("media.credit", subscription=6, bytes=bytes_)
                check(False, "credit that was never taken")
            except Refused as why:
                check(str(why).startswith("invalid"), f"{why}")
        # Refused by the sealer; by the worker; a later grant that is refused ends nothing.
        third = front.wants(p.stream, 7)
        watch3, _ = p.asked()
        p.sealer.say(NUMBERS["NOT_GRANTED"], struct.pack(">IBB", watch3, 5, 0) + text("no"))
        check(front.answer(third)["code"] == "denied", "the sealer's word")
        later = front.say("media.grant", subscription=5, grant=front.token(p.stream).decode())
        same, _ = p.asked()
        check(same == watch, "a later grant comes under the same number")
        p.worker.say(NUMBERS["NOT_WATCHED"], text(p.stream) + struct.pack(">IBB", watch, 5, 0) + text("no") + b"\0")
        check(front.answer(later)["type"] == "failure", "refused")
        p.media(1, message(FRAGMENT, 0, 12, b"f"))
        check((5, FRAGMENT, 0, 12) in front.heads(2), "and it goes on")
        p.worker.say(NUMBERS["NOT_WATCHED"], text(p.stream) + struct.pack(">IBB", other, 5, 0) + text("over") + b"\1")
        check(front.channel.receive()[0] == LINK, "the other one is over")
        # Closed while sealer and worker are being asked: whatever they answer, nobody watches.
        fourth = front.wants(p.stream, 8)
        watch4, _ = p.asked()
        front.ask_close = front.say("media.close", subscription=8)
        check(front.answer(fourth)["code"] == "cancelled" and front.answer(front.ask_close)["type"] == "answer", "closed")
        check(p.unwatched() == watch4, "the worker is told")
        p.watched(watch4, 1)
        check(p.unwatched() == watch4, "and told again when it did not know yet")
        # A second link of the same gateway ends the first, and what it watched.
        again = Plain(p, "front")
        check(front.channel.closed() and p.unwatched() == watch, "one link a gateway")
        # The sealer goes: who waits for its word is told.
        fifth = again.wants(p.stream, 1)
        p.asked()
        p.sealer.channel.end.close()
        check(again.answer(fifth)["code"] == "unavailable", "the sealer is away")
        p.parent.end()
    finally:
        p.site.clean()


def test_a_worker_that_lies(folder):
    """Media that are none end its channel; a stream of another worker is none of its own."""
    p = Played(folder)
    try:
        front, liar = Plain(p, "front"), p.parent.worker()
        asked = front.wants(p.stream, 5)
        watch, _ = p.asked()
        p.watched(watch, 1)
        front.answer(asked)
        liar.say(NUMBERS["MEDIA"], text(p.stream) + struct.pack(">I", 1) + message(HEADER, 0, 0, b"h"))
        liar.say(NUMBERS["MEDIA"], text(p.stream) + struct.pack(">I", 1) + message(FRAGMENT, KEY, 1, b"k"))
        liar.say(NUMBERS["NOT_WATCHED"], text(p.stream) + struct.pack(">IBB", watch, 5, 0) + text("over") + b"\1")
        check(front.channel.quiet(), "what another worker says of it counts for nothing")
        p.media(1, message(FRAGMENT, 8, 0, b"no such flag"))
        check(p.worker.channel.closed(), "a broken worker")
        ended = json.loads(front.channel.receive()[1])
        check(ended["type"] == "media.ended" and ended["body"]["subscription"] == 5, f"and its watchers are told: {ended}")
        p.parent.end()
    finally:
        p.site.clean()


if __name__ == "__main__":
    main(globals())
