#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page at its first start, in a real browser: setup by the code, sign-in, a wrong password, sign-out."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import Site, main, wait_for
from page import Page


def test_first_start(folder):
    with Site(folder) as site:
        page = Page(site)
        code = site.state / "setup-code"
        wait_for(code.exists, 10, "the setup code")
        browse("entry.mjs", page, code=code.read_text().split()[0])


main(globals())
