#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use `export` of a grant is a right of its own, and what is exported under it is the file of custos export, sealed for whoever the grant names.

The recorder's real processes; this program is their supervisor, their manager and the gateway (test/lib/gateway.py, which knows HPKE from
RFC 9180 and nothing of the program), and, towards the sealer, a player that was captured.
"""
import json
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from channels import NUMBERS, Channel, Process, field16, text
from custos_site import check, custos, main, verify, wait_for
from gateway import Live, Refused
from playback import Viewer, recorded, sealed, segments, span

PLAN, FILE = 4, 5
EXPORT, PLAYBACK = 4, 2


def exported(live, front, token, from_us, until_us, **more):
    """The bytes that a player sent; what it said before them."""
    seen = front.play(live.roles, "cars-main", token, from_us, until_us, use="export", **more)
    check(front.read(15, lambda: seen.ended), "it comes to its end")
    check(seen.ended["code"] == "ok", f"all was sent: {seen.ended}")
    check([t[0] for t in seen.things] == [PLAN] + [FILE] * (len(seen.things) - 1) and not seen.holes, "the plan, then the file, no message missing")
    data = b"".join(t[3] for t in seen.of(FILE))
    check(json.loads(seen.things[0][3]) == {"bytes": len(data)}, f"as long as was said: {seen.things[0][3]} {len(data)}")
    return data


def refused(live, front, token, from_us, until_us, why, use="export"):
    try:
        seen = front.play(live.roles, "cars-main", token, from_us, until_us, use=use)
        check(front.read(10, lambda: seen.ended) and not seen.things, f"{why}: {[t[:3] for t in seen.things]}")
        check(False, f"{why}: it is opened")
    except Refused as refusal:
        check(str(refusal).startswith("denied"), f"{why}: {refusal}")
    live.roles.processes.pop().ended()


def test_export_is_a_right_of_its_own(folder):
    with Live(folder) as live:
        wait_for(lambda: segments(live) and recorded(live), 10, "something is recorded", 0.2)
        begin = recorded(live)[0][1]["first_us"]
        from_us, until_us = begin + 1000000, begin + 4000000
        wait_for(lambda: recorded(live)[-1][1]["first_us"] > until_us + 2000000, 30, "all of it is recorded", 0.2)
        front = Viewer(live.roles, "front")
        token = front.footage(from_us, until_us, use="export")
        data = exported(live, front, token, from_us, until_us, credit=128 << 10)
        custos("export", "--state", live.site.state, "--camera", "cars", *[w for k, v in (("--from", "from"), ("--to", "until")) for w in (k, span(from_us, until_us)[v])],
               "--output", folder / "own.mp4")
        check(data == (folder / "own.mp4").read_bytes(), "to the byte the file of custos export")
        (folder / "sent.mp4").write_bytes(data)
        code, report = verify(folder / "sent.mp4")
        check(code != 1, f"nothing in it is wrong: {report}")
        for m in front.wire:
            check(not any(word in m for word in (b"moof", b"mdat", b"ftyp", b"segm", b"skey", b'"bytes"')), "nothing in the clear on the way")

        other = front.footage(from_us, until_us)
        refused(live, front, other, from_us, until_us, "a grant of playback")
        refused(live, front, token, from_us, until_us, "to play with a grant of export", use="playback")
        refused(live, front, front.footage(from_us, until_us - 1000000, use="export"), from_us, until_us, "a time that is not all granted")
        refused(live, front, front.footage(from_us, until_us, "desk-main", use="export"), from_us, until_us, "another stream")
        front.refused("invalid", "cars-main", token, use="export", credit=1 << 20)
        front.refused("invalid", "cars-main", token, use="export", credit=1 << 20, keys_only=True, **span(from_us, until_us))
        front.refused("invalid", "cars-main", other, use="playback", credit=1 << 20, without_audio=True, **span(from_us, until_us))

        # At most two at once: each holds the evidence of its range.
        wide = begin, until_us + 2000000
        token = front.footage(*wide, use="export")
        waiting = [front.play(live.roles, "cars-main", token, *wide, use="export", credit=128 << 10) for _ in range(2)]
        front.refused("exhausted", "cars-main", token, use="export", credit=1 << 20, **span(*wide))
        for one in waiting:
            front.ask("media.close", subscription=one.number)
        for _ in waiting:
            live.roles.processes.pop().ended()
        live.roles.stop()
        captured(live, folder)


def captured(live, folder):
    """A player that asks the sealer by itself."""
    sealer = Process(folder, live.site.state, "sealer", arguments=live.site.options)
    check(sealer.first.receive()[0] == NUMBERS["SEALER_HELLO"], "hello")
    found, head = sealed(segments(live)[1])
    key_files = list((live.site.state / "vault/keys/cars-main").glob("*/*.json"))

    def channel():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sealer.supervisor.send(NUMBERS["KEY_CHANNEL"], b"", [theirs.fileno()])
        theirs.close()
        return Channel(ours)

    def offer(c, token, use):
        c.send(NUMBERS["KEY_GRANT"], bytes([use]) + text("cars-main") + field16(token))
        return c.receive()[0]

    def keys(c):
        kinds = []
        for path in key_files:
            c.send(NUMBERS["KEY_ASK"], struct.pack(">I", len(head)) + head + field16(found[0][2]) + field16(path.read_bytes()))
            kinds.append(c.receive()[0])
        return kinds.count(NUMBERS["KEY"])

    times = span(found[0][1]["first_us"], found[0][1]["last_us"])
    good, node = live.roles.signer, grants.Signer.new(live.site, "custos://{site}/gateway/front", grants.TLS)
    export = good.grant(live.site, ["cars-main"], use=["export"], **times)
    first, body, signature = export.split(b".")
    changed = b".".join([first, grants.encode(grants.decode(body).replace(b"case 7", b"case 8")), signature])
    for why, token, use in (("playback for export", good.grant(live.site, ["cars-main"], use=["playback"], **times), EXPORT), ("export for playback", export, PLAYBACK),
                            ("signed by a gateway", node.grant(live.site, ["cars-main"], use=["export"], **times), EXPORT), ("another purpose", changed, EXPORT),
                            ("no receiver", good.sign(good.header(), {k: v for k, v in json.loads(grants.decode(body)).items() if k != "receiver"}), EXPORT),
                            ("nobody receives it", good.grant(live.site, ["cars-main"], use=["export"], receiver="", **times), EXPORT),
                            ("a receiver of playback", good.grant(live.site, ["cars-main"], use=["playback"], receiver="x", purpose="y", **times), PLAYBACK)):
        c = channel()
        check(offer(c, token, use) == NUMBERS["KEY_NOT_GRANTED"], f"{why}: refused")
    before = (live.site.state / "recorder/grants.log").read_text().splitlines()
    c = channel()
    check(offer(c, export, EXPORT) == NUMBERS["KEY_GRANTED"], "good")
    line = json.loads((live.site.state / "recorder/grants.log").read_text().splitlines()[-1])
    check(len(before) + 1 == len((live.site.state / "recorder/grants.log").read_text().splitlines()), "one line, for the one that was good")
    check((line["use"], line["receiver"], line["purpose"]) == ("export", "Police", "case 7"), f"before a key goes out, the log has it: {line}")
    check(keys(c) == 1, "and the key of one segment is had")
    sealer.end()
    custos("audit", "verify", live.site.state / "recorder/grants.log")


if __name__ == "__main__":
    main(globals())
