# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway that joined a running site with a code: its porter is real, this program is its role. It asks the manager for grants by the
one link, and recorders for cameras by the others. Whoever swaps the role for the program's own keeps `live` and `play`.

    front = FarGateway(folder, site, "front")
    recorder = front.recorder(site.state, "main")      # Recorder: open, play, read (test/lib/playback.py)
    seen = recorder.live("cars-main")
    film = recorder.watch("cars-main", from_us, until_us)
"""
import json

import grants
from channels import Gone
from custos_site import CUSTOS, check, run
from people import HERE, PASSWORD, add_person
from playback import Viewer, span
from porters import Porter


class Recorder(Viewer):
    """A recorder, by the peer that the porter handed over."""

    def __init__(self, gateway, link):
        self.gateway, self.uri, self.channel = gateway, gateway.uri, link
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.private, self.session = grants.new_session()

    def grant(self, *streams, use="live", **range_of):
        return self.gateway.grant(self.session, streams, use, range_of)

    def live(self, stream, credit=8 << 20):
        return self.open(stream, self.grant(stream), credit)

    def watch(self, stream, from_us, until_us, **more):
        token = self.grant(stream, use="playback", **span(from_us, until_us))
        return self.play(None, stream, token, from_us, until_us, **more)


class FarGateway:
    """there: runs a function on the gateway's host (namespaces.py); host: where that reaches the manager."""

    def __init__(self, folder, site, name, host="127.0.0.1", there=lambda work: work(), person="Erika"):
        self.site, self.uri, self.person, self.asked = site, f"custos://site/gateway/{name}", person, 0
        made = json.loads(site.cli("node", "add", "gateway", name, "--json").stdout)
        self.code, self.state = made["code"], folder / f"gateway-{name}"
        there(lambda: run(CUSTOS, "enroll", f"{host}:{made['port']}", "-", "--state", self.state, stdin=self.code + "\n"))
        self.porter = there(lambda: Porter(folder, self.state, "gateway", config=site.options[site.options.index("--config") + 1]))
        self.manager = self.porter.peer()
        check(self.manager.who["role"] == "manager", f"its manager first: {self.manager.who}")
        add_person(site, person, ok=None)  # another gateway may have been first
        self.signed_in = self.ask("session.open", name=person, password=PASSWORD, address=HERE, agent="a test")["session"]

    def ask(self, kind, signed_in=None, /, **body):
        self.asked += 1
        self.manager.say(v=1, id=self.asked, type=kind, body=body, **({"session": signed_in} if signed_in else {}))
        while True:
            answer = json.loads(self.manager.receive()[1])
            if answer.get("id") == self.asked:
                check(answer["type"] == "answer", f"{kind} {body}: {answer}")
                return answer["body"]

    def grant(self, session, streams, use, range_of):
        return self.ask("grant.make", self.signed_in, use=[use], streams=list(streams), session=session, **range_of)["grant"].encode()

    def recorder(self, state, name, host="127.0.0.1"):
        """state: of that recorder, whose port it says."""
        self.porter.ask("porter.dial", role="recorder", name=name, host=host, port=int((state / "recorder/port").read_text()))
        link = self.porter.peer()
        check(link.who["uri"].endswith(f"/recorder/{name}"), f"then the recorder: {link.who}")
        return Recorder(self, link)

    def end(self):
        self.porter.kill()


def ended(recorder, seconds):
    """Whether its link came to an end within this time."""
    try:
        recorder.read(seconds)
    except Gone:
        return True
    return False
