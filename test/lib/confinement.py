# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that look at what others made, as the kernel tells it; what the same profile refuses from inside, test/unit/os/test_sandbox_escape.c tries."""
import os
import re
from pathlib import Path

from custos_site import check

QUIET = re.compile(r"(socket|pipe):\[\d+\]$|/dev/null$|anon_inode:\[?(eventpoll|eventfd|pidfd|timerfd)\]?$")


def confined(pid, channels, given=None):
    """channels: how many sockets it holds, of whom nothing more is there; given: a pattern of files that it may hold too, while it reads them."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    check(status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", f"a filter, and no new privileges: {status}")
    check(all(int(status[c], 16) == 0 for c in ("CapPrm", "CapEff", "CapInh", "CapAmb")), f"no capability: {status}")
    check(re.search(r"Max core file size\s+0\s+0", Path(f"/proc/{pid}/limits").read_text()), "no core file")
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2]
    except PermissionError:
        check(os.getuid() != 0, "root may look")
        return  # not even its own user may: it is not dumpable
    check(all(QUIET.match(link) or (given and re.match(given, link)) for link in links) and sum("socket" in link for link in links) == channels,
          f"nothing but its channels: {links}")
