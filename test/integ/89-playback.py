#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a grant sees what was recorded, of that stream and time alone, checked against its seals before it is shown.

The recorder's real processes; this program is their supervisor, their manager and the gateways (test/lib/gateway.py), and, towards the
sealer, a parent that was captured.
"""
import json
import os
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from channels import NUMBERS, Channel, Gone, Process, field16, text
from custos_site import check, custos, main, wait_for
from gateway import FRAGMENT, HEADER, KEY, Live, Refused
from playback import GAP, Viewer, film, plays, recorded, sealed, segments, span, stamps, us_of

PLAY = 6  # seconds


def test_recorded_and_seen(folder):
    with Live(folder) as live:
        wait_for(lambda: segments(live) and recorded(live), 10, "something is recorded", 0.2)
        begin = recorded(live)[0][1]["first_us"]
        from_us, until_us = begin + 2000000, begin + 2000000 + PLAY * 1000000
        front = Viewer(live.roles, "front")
        # In the index a second after that.
        wait_for(lambda: recorded(live)[-1][1]["first_us"] > until_us + 2000000, 30, "all of it is recorded", 0.2)

        # The middle, over more than one segment: complete.
        token = front.footage(from_us, until_us)
        seen = front.whole(live.roles, "cars-main", token, from_us, until_us)
        check(not seen.of(GAP) and len(seen.of(HEADER)) == 1, f"no gap, one header: {seen.of(GAP)}")
        check(all(t[1] & KEY for t in seen.of(FRAGMENT)[:1]), "it begins with a key frame")
        path = film(seen, folder / "middle.mp4")
        plays(path)
        middle = stamps(path)
        check(not middle["gaps"] and middle["frames"] >= (PLAY - 2) * 10, f"no frame is missing: {middle}")
        times = [t[2] for t in seen.of(FRAGMENT)]
        check(from_us - 1500000 <= times[0] and times[-1] <= until_us and times == sorted(times), f"of that time: {times} {from_us} {until_us}")
        shown = {t[2] for t in seen.of(FRAGMENT)}
        check(len(shown & {f[1]["first_us"] for f in recorded(live)}) == len(shown) >= PLAY - 2, f"whole fragments, as they arrived: {times}")
        for m in front.wire:
            check(b"moof" not in m and b"mdat" not in m and b"ftyp" not in m, "nothing in the clear on the way")

        # Little credit: it waits, and leaves nothing out.
        slow = front.play(live.roles, "cars-main", token, from_us, until_us, credit=128 << 10)
        check(not front.read(1, lambda: slow.ended, slow=[slow]), "without credit it does not go on")
        check(0 < slow.got <= 128 << 10, f"within its credit: {slow.got}")
        check(front.read(15, lambda: slow.ended), "and with it to its end")
        check(b"".join(t[3] for t in slow.things) == b"".join(t[3] for t in seen.things), "the same, to the byte")
        # Key frames alone; and a request that asks for more than the grant has gets that.
        keys = front.whole(live.roles, "cars-main", token, begin, until_us + 60000000, keys_only=True)
        check(all(t[1] & KEY for t in keys.of(FRAGMENT)) and 0 < keys.got < seen.got / 3, f"key frames: {keys.got} of {seen.got}")
        check(min(t[2] for t in keys.of(FRAGMENT)) >= from_us - 1500000 and max(t[2] for t in keys.of(FRAGMENT)) <= until_us, "of the granted time")

        # Closed: nothing comes any more, and its player is gone.
        closed = front.play(live.roles, "cars-main", token, from_us, until_us, credit=128 << 10)
        front.ask("media.close", subscription=closed.number)
        live.roles.processes.pop().ended()

        # Who has no grant for it, sees nothing.
        for why, bad in (("live alone", front.token("cars-main")), ("another stream", front.footage(from_us, until_us, "desk-main")),
                         ("run out", front.footage(from_us, until_us, ago=600, seconds=60))):
            try:
                front.play(live.roles, "cars-main", bad, from_us, until_us)
                check(False, f"{why}: it is shown")
            except Refused as refusal:
                check(str(refusal).startswith("denied"), f"{why}: {refusal}")
            live.roles.processes.pop().ended()
        early = begin - 3600000000
        none = front.play(live.roles, "cars-main", front.footage(early, early + 1000000), from_us, until_us)
        check(front.read(10, lambda: none.ended), "a grant of another time ends")
        check(not none.of(FRAGMENT), f"without a picture: {none.ended}")
        front.refused("invalid", "cars-main", token, use="playback", **span(until_us, from_us))
        front.refused("invalid", "cars-main", token, use="playback", credit=64 << 10, **span(from_us, until_us))
        front.refused("invalid", "cars-main", token, use="playback")

        # A byte of one fragment: that one is left out, and told; the rest plays.
        target = [p for p in segments(live) if any(from_us + 1500000 < f[1]["first_us"] < until_us - 2000000 for f in sealed(p)[0])][0]
        rotten = [f for f in sealed(target)[0] if f[1]["tracks"] and from_us + 1500000 < f[1]["first_us"] < until_us - 2000000][0]
        whole = target.read_bytes()
        # One bit of a picture; the front of its boxes, so that nobody sees that there was one.
        for at, change in ((rotten[0] + 200, bytes([whole[rotten[0] + 200] ^ 1])), (rotten[3], bytes(8))):
            with open(target, "r+b") as f:
                f.write(whole)
                f.seek(at)
                f.write(change)
            hurt = front.whole(live.roles, "cars-main", token, from_us, until_us)
            gaps = [json.loads(t[3]) for t in hurt.of(GAP)]
            check([g["cause"] for g in gaps] == ["damaged"], f"told: {gaps}")
            check(us_of(gaps[0]["from"]) <= rotten[1]["first_us"] and us_of(gaps[0]["to"]) >= rotten[1]["last_us"], f"when: {gaps} {rotten[1]}")
            check(rotten[1]["first_us"] not in {t[2] for t in hurt.of(FRAGMENT)}, "it is not shown")
            check(len(hurt.of(FRAGMENT)) >= len(seen.of(FRAGMENT)) - 3, f"the rest is: {len(hurt.of(FRAGMENT))} of {len(seen.of(FRAGMENT))}")
            plays(film(hurt, folder / "hurt.mp4"))
        live.roles.stop()
        captured(live, folder, from_us, until_us)
        lines = [json.loads(line) for line in (live.site.state / "recorder/grants.log").read_text().splitlines()]
        taken = [line for line in lines if line["grant"] == json.loads(grants.decode(token.split(b".")[1]))["id"]]
        check([line["use"] for line in taken] == ["playback"], f"once in the log: {taken}")
        custos("audit", "verify", live.site.state / "recorder/grants.log")


def captured(live, folder, from_us, until_us):
    """A player that asks the sealer for keys by itself, with all that lies on the disk; and a parent, which has no way to ask."""
    sealer = Process(folder, live.site.state, "sealer", arguments=live.site.options)
    check(sealer.first.receive()[0] == NUMBERS["SEALER_HELLO"], "hello")
    found, head = sealed(segments(live)[1])
    key_files = list((live.site.state / "vault/keys/cars-main").glob("*/*.json"))

    def channel(to=sealer.supervisor):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        to.send(NUMBERS["KEY_CHANNEL"], b"", [theirs.fileno()])
        theirs.close()
        return Channel(ours)

    def offer(c, token, stream="cars-main", use=2):
        c.send(NUMBERS["KEY_GRANT"], bytes([use]) + text(stream) + field16(token))
        return c.receive()[0]

    def ask(c, seal, path):
        c.send(NUMBERS["KEY_ASK"], struct.pack(">I", len(head)) + head + field16(seal) + field16(path.read_bytes()))
        return c.receive()

    good, node = live.roles.signer, grants.Signer.new(live.site, "custos://{site}/gateway/front", grants.TLS)
    for token in (b"none", good.grant(live.site, ["cars-main"]), node.grant(live.site, ["cars-main"], use=["playback"], **span(from_us, until_us)),
                  good.grant(live.site, ["desk-main"], use=["playback"], **span(from_us, until_us))):
        c = channel()
        check(offer(c, token) == NUMBERS["KEY_NOT_GRANTED"], "refused")
        c.send(NUMBERS["KEY_ASK"], struct.pack(">I", len(head)) + head + field16(found[0][2]) + field16(key_files[0].read_bytes()))
        check(c.closed(), "who asks without a grant has no channel any more")
    early = from_us - 7200000000
    c = channel()
    check(offer(c, good.grant(live.site, ["cars-main"], use=["playback"], **span(early, early + 1000000))) == NUMBERS["KEY_GRANTED"],
          "good, for another time")
    for path in key_files:
        for _, _, payload, _ in found:
            kind, body = ask(c, payload, path)
            check(kind == NUMBERS["NO_KEY"], "no key for a time that is not granted")
    c = channel()
    token = good.grant(live.site, ["cars-main"], use=["playback"], **span(found[0][1]["first_us"], until_us))
    check(offer(c, token) == NUMBERS["KEY_GRANTED"], "good")
    kinds = [ask(c, found[0][2], path)[0] for path in key_files]
    check(kinds.count(NUMBERS["KEY"]) == 1, f"with a grant the key of one segment, by its own key file: {kinds}")
    check(os.path.exists(f"/proc/{sealer.pid}"), "it goes on")

    # The parent has no way to hold a key channel: neither towards the sealer, nor towards the player.
    c = channel(sealer.first)
    try:
        c.send(NUMBERS["KEY_GRANT"], bytes([2]) + text("cars-main") + field16(token))
        check(c.closed(), "the sealer takes no key channel from the parent")
    except Gone:
        pass  # closed already
    check(sealer.first.closed(), "and has done with a parent that sends one")
    sealer.ended()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = Process(folder, live.site.state, "player", arguments=live.site.options, keys=theirs)
    keys, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    play = text("cars-main") + struct.pack(">qqBBBQ", from_us, until_us, 0, 0, 0, 1 << 20) + field16(token)
    process.first.send(NUMBERS["PLAY"], play, [theirs.fileno()])
    theirs.close()
    check(Channel(keys).closed() and process.first.closed() and Channel(ours).closed(), "a player that is handed one ends")
    process.ended()


if __name__ == "__main__":
    main(globals())
