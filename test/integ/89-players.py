#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Players come and go: at most eight, one that is killed costs its own request alone, a later grant goes on, a gap says its cause, and the
kernel holds each of them as a worker. Recording notices none of it.

The recorder's real processes; this program is their supervisor, their manager and the gateways (test/lib/gateway.py).
"""
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from confinement import confined
from custos_site import check, kill, main, wait_for
from gateway import FRAGMENT, KEY, Live, Refused
from playback import GAP, Viewer, film, plays, recorded, span, us_of

PLAYERS = 8
SMALL = 128 << 10


def gone(roles, process):
    process.ended()
    roles.processes.remove(process)


def test_players_come_and_go(folder):
    with Live(folder) as live:
        roles, front = live.roles, Viewer(live.roles, "front")
        wait_for(lambda: len(recorded(live)) > 3, 20, "something is recorded", 0.2)
        begin = recorded(live)[0][1]["first_us"]
        roles.worker_died()
        died = recorded(live)[-1][1]["last_us"]
        wait_for(lambda: recorded(live)[-1][1]["first_us"] > died + 3000000, 30, lambda: f"it is recorded again: {roles.log()[-3000:]}", 0.2)
        span_us = (begin, recorded(live)[-2][1]["last_us"])
        token = front.footage(*span_us)

        # With the gap and its cause; behind it a key frame.
        seen = front.whole(roles, "cars-main", token, *span_us)
        told = [json.loads(t[3]) for t in seen.of(GAP)]
        check([g["cause"] for g in told] == ["start", "unclean stop"], f"why nothing is there: {told}")
        times = [t[2] for t in seen.of(FRAGMENT)]
        check(max(t for t in times if t <= died) <= us_of(told[1]["from"]) <= us_of(told[1]["to"]) <= min(t for t in times if t > died),
              f"and when: {told} {died} {times}")
        behind = seen.things[[i for i, t in enumerate(seen.things) if t[0] == GAP][1] + 1:]
        check(next(t for t in behind if t[0] == FRAGMENT)[1] & KEY, "it goes on with a key frame")
        plays(film(seen, folder / "gap.mp4"))

        # Eight, and no more; the next one when one has ended.
        some = [front.play(roles, "cars-main", token, *span_us, credit=SMALL) for _ in range(PLAYERS)]
        eight = roles.processes[-PLAYERS:]
        back = Viewer(roles, "back")
        for who in (front, back):
            text = who.refused("exhausted", "cars-main", who.footage(*span_us), use="playback", credit=SMALL, **span(*span_us))
            check("8 players" in text and "ask again" in text, f"with what to do: {text}")
        for process in eight:
            confined(process.pid, channels=2, given=re.escape(str(live.site.state / "vault")) + r"/(keys/)?cars-main/")
        front.ask("media.close", subscription=some[0].number)
        some[0].ended = "closed"
        gone(roles, eight[0])
        ninth = back.whole(roles, "cars-main", back.footage(*span_us), *span_us)
        check([t[3] for t in ninth.of(FRAGMENT)] == [t[3] for t in seen.of(FRAGMENT)], "it shows all of it")

        # One is killed: its own request ends with the reason, the others go on.
        kill(eight[1].pid)
        os.waitpid(eight[1].pid, 0)
        roles.processes.remove(eight[1])
        check(front.read(5, lambda: some[1].ended, slow=some), "told")
        check(some[1].ended["code"] == "unavailable" and "again" in some[1].ended["text"], f"why: {some[1].ended}")
        check(front.read(15, lambda: some[2].ended, slow=some[3:]) and some[2].ended["code"] == "ok", f"another one goes on: {some[2].ended}")
        again = front.whole(roles, "cars-main", token, *span_us)
        check(len(again.of(FRAGMENT)) == len(seen.of(FRAGMENT)), "and the next one shows all")

        # A later grant: of the same stream it counts; of another one it is none, and the first goes on.
        more, held = front.footage(*span_us), front.play(roles, "cars-main", token, *span_us, credit=SMALL)
        for why, bad in (("another stream", front.footage(*span_us, "desk-main")), ("run out", front.footage(*span_us, ago=600, seconds=60))):
            try:
                front.ask("media.grant", subscription=held.number, grant=bad.decode())
                check(False, f"{why}: it is taken")
            except Refused as refusal:
                check(not held.ended, f"{why}: {refusal}")
        front.ask("media.grant", subscription=held.number, grant=more.decode())
        check(front.read(15, lambda: held.ended) and held.ended["code"] == "ok", f"to its end: {held.ended}")
        check(len(held.of(FRAGMENT)) == len(seen.of(FRAGMENT)), "all of it")

        # The link ends: so do its players. What was recorded meanwhile is whole.
        front.end()
        for process in [p for p in roles.processes if p.role == "player"]:
            gone(roles, process)
        until_us = wait_for(lambda: max(0, recorded(live)[-3][1]["last_us"] - span_us[1] - 2000000), 15, "more is recorded") + span_us[1] + 2000000
        late = back.whole(roles, "cars-main", back.footage(span_us[1], until_us), span_us[1], until_us)
        check(not late.of(GAP) and late.of(FRAGMENT), f"recording noticed nothing: {late.of(GAP)}")
        check(until_us - span_us[1] > 2000000, "for some time")


if __name__ == "__main__":
    main(globals())
