# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway on "another host" that joined a running site by a code: its porter is real, a test is its role. It asks the manager for
grants by the one link, and a recorder for media by the other.
"""
import json

import grants
from custos_site import CUSTOS, check, run
from gateway import Gateway


class Linked(Gateway):
    """A gateway whose channel to the recorder is a peer that its porter handed over."""

    def __init__(self, uri, link):
        self.uri, self.channel = uri, link
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.private, self.session = grants.new_session()


def grant(manager, gateway, *streams):
    manager.say(v=1, id=1, type="grant.make", body={"person": "Erika", "gateway": gateway.uri, "use": ["live"], "streams": list(streams),
                                                    "session": gateway.session})
    while True:
        answer = json.loads(manager.receive()[1])
        if answer.get("id") == 1:
            check(answer["type"] == "answer", f"a grant for {streams}: {answer}")
            return answer["body"]["grant"].encode()


def joined(folder, site, name="front"):
    """The state directory of a gateway that came by a code."""
    made = json.loads(site.cli("node", "add", "gateway", name, "--json").stdout)
    state = folder / name
    run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", state, stdin=made["code"] + "\n")
    return state


def links(porter, site):
    """To the manager, which its peers.json names, and to the recorder."""
    manager = porter.peer()
    check(manager.who["role"] == "manager", f"its manager first: {manager.who}")
    port = int((site.state / "recorder/port").read_text())
    porter.ask("porter.dial", role="recorder", name="main", host="127.0.0.1", port=port)
    recorder = porter.peer()
    check(recorder.who["uri"].endswith("/recorder/main"), f"then the recorder: {recorder.who}")
    return manager, recorder
