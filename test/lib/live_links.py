# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that joined a running site, over real links, and who is signed in there: it asks the manager for a grant by the one link, and
the recorder for a camera by the other.

    asks = Front(folder, site)                         # people.py
    front = Linked(asks.uri, recorder_link(asks.porter, site))
    watching = front.open("cars-main", grant(asks, asks.sign_in("Erika"), front, "cars-main"))
"""
import grants
from custos_site import check
from gateway import Gateway


class Linked(Gateway):
    """A gateway whose channel to the recorder is a peer that its porter handed over."""

    def __init__(self, uri, link):
        self.uri, self.channel = uri, link
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.private, self.session = grants.new_session()


def grant(front, session, gateway, *streams, use="live", **more):
    """For live; use="playback" with the times "from" and "until"."""
    return front.ask("grant.make", session, use=[use], streams=list(streams), session=gateway.session, **more)["grant"].encode()


def recorder_link(porter, site, name="main", state=None, host="127.0.0.1"):
    """state: of that recorder, whose port it says."""
    port = int(((state or site.state) / "recorder/port").read_text())
    porter.ask("porter.dial", role="recorder", name=name, host=host, port=port)
    recorder = porter.peer()
    check(recorder.who["uri"].endswith(f"/recorder/{name}"), f"the recorder: {recorder.who}")
    return recorder
