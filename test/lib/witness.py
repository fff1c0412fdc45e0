# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that stands by while others misbehave. It puts a counter into each frame (SEI), so that its exported footage says itself
whether one is missing.

    with Site(folder, config="[recorder]\\nworkers = 1\\n") as site, Witness(site, folder) as witness:
        ...                      # the attack
        witness.lost_nothing()   # and recorded until now
"""
import json
import time

from custos_site import CARS, Edge, check, custos, wait_for


class Witness(Edge):
    def __init__(self, site, folder, name="witness", clip=CARS):
        super().__init__(folder, {name: clip}, site.camera_certificate(name), "--stamp")
        self.site, self.folder, self.name = site, folder, name
        try:
            site.add(name, self.url(name), self.user, self.password_file)
            site.wait_recording(f"{name}-main")
        except BaseException:
            self.kill()
            raise

    def lost_nothing(self, least=25):
        """Nothing between the first frame that was recorded and the newest that is durable, which is of this moment."""
        asked = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(asked)) + f".{int(asked % 1 * 1000):03d}Z"
        wait_for(lambda: (self.site.stream(f"{self.name}-main").get("last_durable") or "") > stamp, 10,
                 lambda: f"{self.name} is recorded at present: {self.site.stream(f'{self.name}-main')}")
        state = self.site.stream(f"{self.name}-main")
        check(state["connects"] == 1 and state["lost_packets"] == 0, f"{self.name}: one connection, no packet lost: {state}")
        out = self.folder / f"{self.name}-{time.monotonic_ns()}.mp4"
        custos("export", "--camera", self.name, "--last", "900", "--output", out, "--state", self.site.state,
               program=self.site.program, timeout=120)
        parts = sorted(self.folder.glob(f"{out.stem}*.mp4*"))
        p = custos("edge", "check-stamps", "--json", *parts, program=self.site.program, ok=None)
        report = json.loads(p.stdout)
        check(len(report["cameras"]) == 1 and report["unstamped"] == 0, f"{self.name}: each frame is stamped: {report}")
        found = report["cameras"][0]
        check(found["missing"] == 0 and found["duplicates"] == 0 and found["out_of_order"] == 0, f"{self.name} lost frames: {found}")
        check(found["frames"] >= least, f"{self.name}: at least {least} frames: {found}")
        return found["frames"]
