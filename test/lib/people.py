# SPDX-License-Identifier: GPL-3.0-or-later
"""People of a site: a gateway that joined with a code (its porter is real, this program is its role), and what it asks of the manager.

    front = Front(folder, site)
    session = front.sign_in("Erika", PASSWORD)        # {session, token, person, role, expires}; Refused where it is refused
    front.ask("camera.list", session)                  # in that name; without one for itself
    front.ended(session)                               # waits for the event: the reason
"""
import json
import select
import time

from channels import Gone
from custos_site import CUSTOS, Failure, check, custos, run, wait_for
from porters import JSON, Porter

PASSWORD = "hafen lampe ziegel moos"
HERE = "127.0.0.1"


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(f"{answer['code']}: {answer['text']} ({answer.get('fault', '')}) {answer['remedy']}")
        self.code, self.fault, self.retry_after_s = answer["code"], answer.get("fault"), answer.get("retry_after_s")
        self.text = answer["text"]


def add_person(site, name, role="administrator", password=PASSWORD, ok=True):
    return run(CUSTOS, "person", "add", name, "--role", role, "--password-file", "-", "--state", site.state, stdin=password + "\n",
               ok=ok)


def joined(folder, site, name):
    """The state directory of a gateway that came by a code."""
    made = json.loads(site.cli("node", "add", "gateway", name, "--json").stdout)
    state = folder / name
    run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", state, stdin=made["code"] + "\n")
    return state


class Front:
    def __init__(self, folder, site, name="front"):
        self.site, self.name, self.uri = site, name, f"custos://site/gateway/{name}"
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        self.porter = Porter(folder, joined(folder, site, name), "gateway", config=site.options[site.options.index("--config") + 1])
        self.link, self.number, self.events, self.answers = self.porter.peer(), 0, [], {}

    def again(self):
        """The manager was started anew: the link that its porter made since."""
        self.link, self.answers = self.porter.peer(30), {}

    def say(self, kind, session=None, /, **body):
        self.number += 1
        name = {"session": session["session"] if isinstance(session, dict) else session} if session else {}
        self.link.say(v=1, id=self.number, type=kind, body=body, **name)
        return self.number

    def read(self):
        kind, body = self.link.receive()
        check(kind == JSON, f"text, not {kind}")
        message = json.loads(body)
        if "id" in message:
            self.answers[message["id"]] = message
        else:
            self.events.append(message)

    def answer(self, number):
        """Of say(): the body; raises Refused."""
        while number not in self.answers:
            self.read()
        answer = self.answers.pop(number)
        if answer["type"] == "failure":
            raise Refused(answer)
        return answer["body"]

    def ask(self, kind, session=None, /, **body):
        return self.answer(self.say(kind, session, **body))

    def refused(self, kind, session=None, /, **body):
        try:
            answer = self.ask(kind, session, **body)
        except Refused as why:
            return why
        raise Failure(f"{kind} {body} is refused, not answered with {answer}")

    def sign_in(self, name, password=PASSWORD, address=HERE):
        return self.ask("session.open", name=name, password=password, address=address, agent="a test")

    def ended(self, session, seconds=10):
        """Waits for the event that says so; its reason."""
        def find():
            if select.select([self.link.end], [], [], 0.05)[0]:
                self.read()
            return next((e["body"]["reason"] for e in self.events
                         if e["type"] == "session.ended" and e["body"]["session"] == session["session"]), None)
        return wait_for(find, seconds, lambda: f"the end of {session['session']}: {self.events}", 0)

    def lives(self, session, address=HERE):
        """Whether its token is taken."""
        try:
            return self.ask("session.check", token=session["token"], address=address)["session"] == session["session"]
        except Refused as why:
            check((why.code, why.fault) == ("auth", "not-signed-in"), f"refused as signed out: {why}")
            return False

    def end(self):
        self.porter.end()


__all__ = ["Front", "Gone", "HERE", "PASSWORD", "Refused", "add_person", "custos", "joined", "time"]
