# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of a site on hosts of their own (namespaces.py): a code of the manager's, `custos enroll` there, and the role's program.

    net = Switch({"manager": "10.67.0.1", "north": "10.67.0.2", "door": "10.67.0.4", "desk": "10.67.0.9"})
    north = Far(net, folder, site, "recorder", "north", "10.67.0.1")
    door = Far(net, folder, site, "gateway", "door", "10.67.0.1").start()
    page = Page(site, door, "10.67.0.4")               # page.py
    At(net, "desk", page).sign_in("Erika")             # from there
    watcher = Watcher(net, page, "cars-main")          # likewise
"""
import asyncio
import json
import threading

from custos_site import CUSTOS, Program, run, wait_for
from page import Watching


class Far:
    """Enrolled on the host of its name; begun by start()."""

    def __init__(self, net, folder, site, role, name, manager, *options):
        self.net, self.role, self.name, self.state = net, role, name, folder / name
        self.command = [CUSTOS, role, "--state", self.state, *(options or site.options)]
        self.program, self.log_path = None, folder / f"{name}.log"
        made = json.loads(site.cli("node", "add", role, name, "--json").stdout)
        self.code = made["code"]
        net.call(name, lambda: run(CUSTOS, "enroll", f"{manager}:{made['port']}", "-", "--state", self.state, stdin=self.code + "\n"))

    def start(self):
        self.program = self.net.call(self.name, lambda: Program(self.log_path, self.command))
        return self

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self):
        """As an operator would."""
        self.program.stop()
        self.program.check_log()

    def kill(self):
        if self.program:
            self.program.kill()


class At:
    """An object whose methods run on a host: what it connects to is seen from there."""

    def __init__(self, net, host, what):
        self._net, self._host, self._what = net, host, what

    def __getattr__(self, name):
        of = getattr(self._what, name)
        if not callable(of):
            return of
        return lambda *arguments, **more: self._net.call(self._host, lambda: of(*arguments, **more))


class Watcher:
    """Live on a host, in a thread of its own, until it is ended or told to stop."""

    def __init__(self, net, page, stream, host="desk", seconds=60):
        self.seen, self.stopped, self.seconds = Watching(), False, seconds
        self.thread = threading.Thread(target=lambda: net.call(host, lambda: asyncio.run(self.go(page, stream))))
        self.thread.start()

    async def go(self, page, stream):
        async with page.socket(f"/api/v1/streams/{stream}/live") as socket:
            await self.seen.read(socket, self.seconds, lambda _: self.stopped)

    def goes_on(self, what, seconds=5):
        """More of it comes."""
        had = self.seen.messages
        wait_for(lambda: self.seen.messages > had + 10, seconds, lambda: f"{what}: {had} {self.seen.texts} {self.seen.closed}")

    def stop(self):
        self.stopped = True
        self.thread.join()
        return self.seen
