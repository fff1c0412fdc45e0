# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that plays footage (docs/spec/link.md section 8), and what of it lies on the disk.

    front = Viewer(roles, "front")                   # of gateway.py's Roles
    token = front.footage(from_us, until_us)
    seen = front.whole(roles, "cars-main", token, from_us, until_us)
"""
import json
import struct
from datetime import datetime, timezone

import seals
from custos_site import check, custos, run
from frames import stream_kinds
from gateway import Gateway, Refused, Subscription, media_key

GAP = 3


def iso(us):
    return datetime.fromtimestamp(us // 1000000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{us % 1000000:06d}Z"


def us_of(words):
    return int(datetime.strptime(words, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000000)


def span(from_us, until_us):
    return {"from": iso(from_us), "until": iso(until_us)}


class Viewer(Gateway):
    def footage(self, from_us, until_us, *streams, use="playback", **change):
        return self.token(*(streams or ["cars-main"]), use=[use], **span(from_us, until_us), **change)

    def play(self, roles, stream, token, from_us, until_us, credit=1 << 20, use="playback", **more):
        """roles: None where a supervisor begins the player."""
        number = len(self.subscriptions) + 1
        wanted = self.say("media.open", subscription=number, use=use, stream=stream, grant=token.decode(), credit=credit,
                          **span(from_us, until_us), **more)
        if roles:
            roles.player()
        while not ((answer := self.one()) and answer["id"] == wanted):
            pass
        if answer["type"] == "failure":
            raise Refused(f"{answer['code']}: {answer['text']} ({answer['fault'] if 'fault' in answer else ''})")
        key = media_key(self.private, stream, token, bytes.fromhex(answer["body"]["wrap"]))
        self.subscriptions[number] = Subscription(number, stream, key, credit)
        return self.subscriptions[number]

    def give(self, subscription):
        try:
            super().give(subscription)
        except Refused as why:
            check(subscription.ended, f"unless it came to its end meanwhile: {why}")

    def whole(self, *arguments, **more):
        """Played to its end."""
        seen = self.play(*arguments, **more)
        check(self.read(15, lambda: seen.ended), f"it comes to its end: {[t[:3] for t in seen.things][-5:]}")
        check(seen.ended["code"] == "ok", f"all was sent: {seen.ended}")
        return seen


def film(seen, path):
    path.write_bytes(b"".join(t[3] for t in seen.things if t[0] != GAP))
    return path


def plays(path):
    check(stream_kinds(path) == ["h264", "aac"], f"tracks: {stream_kinds(path)}")
    p = run("ffmpeg", "-v", "error", "-nostdin", "-xerror", "-i", path, "-map", "0", "-f", "null", "-")
    check(not p.stderr.strip(), f"ffmpeg plays it: {p.stderr[-1000:]}")


def stamps(path):
    report = json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)
    check(len(report["cameras"]) == 1 and report["unstamped"] == 0, f"one camera, each frame stamped: {report}")
    return report["cameras"][0]


def segments(live, stream="cars-main"):
    return sorted((live.site.state / "vault" / stream).glob("*/*/*.mp4"))


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        if n < 8:
            return
        yield kind, at, n
        at += n


def sealed(path):
    """(place of the payload of mdat, fields of the seal, payload of the seal, place of moof) of each fragment; ftyp and moov."""
    found, moof, mdat, head = [], 0, 0, 0
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # made ahead of need, and not needed
        return [], b""
    for kind, at, n in boxes(data):
        if kind == b"moov":
            head = at + n
        if kind == b"moof":
            moof = at
        if kind == b"mdat":
            mdat = at + 8
        if kind == b"uuid" and data[at + 8:at + 24] == seals.USER_TYPE:
            payload = data[at + 24:at + n]
            found.append((mdat, seals.parse(payload), payload, moof))
    return found, data[:head]


def recorded(live):
    return [f for path in segments(live) for f in sealed(path)[0] if f[1]["tracks"]]


def recorded_in(vault, stream):
    """Seals of what lies in this vault."""
    return [f[1] for path in sorted(vault.glob(f"{stream}/*/*/*.mp4")) for f in sealed(path)[0] if f[1]["tracks"]]
