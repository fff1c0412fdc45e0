#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a captured gateway gets, and a captured process of it: without a person's session nothing of the manager, without a grant
nothing of a recorder, and of its host its own directory alone. Its porter is real, this program is its role; then the running one.
"""
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ROOT, Site, check, main, wait_for
from page import Page
from people import Front

FREE = {"setup.state", "setup.finish", "session.open", "session.check", "session.seen", "session.close"}


def types():
    """Every message that a route becomes."""
    source = (ROOT / "src/gateway/api_routes.c").read_text()
    return set(re.findall(r'V1 "[^"]*",\s+"([\w.]+)"', source)) - FREE | {"grant.make", "site.backup", "setup.code"}


def test_a_captured_gateway_gets_nothing(folder):
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        handle = page.get("/api/v1/session").json["session"]
        front = Front(folder, site)
        for kind in sorted(types()):
            for session in (None, "0" * 32, handle):  # nobody's, one that is not there, one of another gateway
                why = front.refused(kind, session)
                check(why.code in ("auth", "denied"), f"{kind} in the name of {session}: {why}")
        check(front.refused("session.close", session=handle).code == "auth", "nor can it end another's")
        page.get("/api/v1/session").ok()

        # Where recorders are it hears, and reaches them; a picture it gets of none without a grant.
        wait_for(lambda: front.refused("camera.list") and any(e["type"] == "link.recorders" and any(r["port"] for r in e["body"]["recorders"]) for e in front.events), 10,
                 lambda: f"it hears of the recorder: {front.events}")
        recorders = [e for e in front.events if e["type"] == "link.recorders"][-1]["body"]["recorders"]
        check([r["name"] for r in recorders] == ["main"] and recorders[0]["host"] == "", f"of this host: {recorders}")
        front.porter.ask("porter.dial", role="recorder", **recorders[0])
        link = front.porter.peer()
        for grant in ("", "x", "a.b.c"):
            link.say(v=1, id=1, type="media.open", body={"subscription": 1, "use": "live", "stream": "cars-main", "grant": grant, "credit": 1 << 20})
            answer = json.loads(link.receive()[1])
            check(answer["type"] == "failure", f"no picture: {answer}")
        front.end()


def inside(pid):
    """What the kernel says of it."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return status, links


def test_a_captured_process_has_nothing(folder):
    with Site(folder) as site:
        Page(site)
        status, links = inside(site.pids()["gateway"])
        check(status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1" and int(status["CapEff"], 16) == 0, f"confined: {status}")
        files = [link for link in links if link.startswith("/") and link not in ("/dev/null",) and not link.endswith(".log")]
        check(all(link == str(site.state / "gateway/lock") for link in files), f"no file is open but the lock: {files}")
        _, links = inside(site.pids()["porter.gateway"])
        check(not any("web.key" in link for link in links), f"the porter has the page's key nowhere: {links}")


if __name__ == "__main__":
    main(globals())
