# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that joined a running site, over real links: its porter is real, the test is its role. It asks the manager for a grant by the
one link, and the recorder for a camera by the other.

    porter = Porter(folder, joined(folder, site, "gateway", "front"), "gateway", config=...)
    manager, recorder = links(porter, site)
    front = Linked("custos://site/gateway/front", recorder)
    watching = front.open("cars-main", grant(manager, front, "cars-main"))
"""
import json

import grants
from custos_site import check
from gateway import Gateway


class Linked(Gateway):
    """A gateway whose channel to the recorder is a peer that its porter handed over."""

    def __init__(self, uri, link):
        self.uri, self.channel = uri, link
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.private, self.session = grants.new_session()


def grant(manager, gateway, *streams, use="live", **more):
    """For live; use="playback" with the times "from" and "until"."""
    manager.say(v=1, id=1, type="grant.make", body={"person": "Erika", "gateway": gateway.uri, "use": [use], "streams": list(streams),
                                                    "session": gateway.session, **more})
    while True:
        answer = json.loads(manager.receive()[1])
        if answer.get("id") == 1:
            check(answer["type"] == "answer", f"a grant for {streams}: {answer}")
            return answer["body"]["grant"].encode()


def links(porter, site):
    """To the manager, which its peers.json names, and to the recorder."""
    manager = porter.peer()
    check(manager.who["role"] == "manager", f"its manager first: {manager.who}")
    port = int((site.state / "recorder/port").read_text())
    porter.ask("porter.dial", role="recorder", name="main", host="127.0.0.1", port=port)
    recorder = porter.peer()
    check(recorder.who["uri"].endswith("/recorder/main"), f"then the recorder: {recorder.who}")
    return manager, recorder
