#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page at its first start, in a real browser: setup by the code, what is to be kept, wrong passwords and the wait behind them, sign-in back to
where one was, the own password, a lost connection; and people: added, changed, thrown out, removed."""
import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import Site, check, main, wait_for
from page import PASSWORD, Page


NEXT = "wolke tisch anker birne"


def first_start(site, page):
    code = site.state / "setup-code"
    wait_for(code.exists, 10, "the setup code")
    said = browse("entry.mjs", page, code=code.read_text().split()[0], next_password=NEXT)
    check(said["fingerprint"].replace(" ", "") == site.fingerprint(), f"the page says the site's fingerprint: {said}")
    root = page.get("/root.crt").body
    check(said["root"].replace(":", "").lower() == hashlib.sha256(root).hexdigest(), f"and that of its root: {said}")
    check(page.post("/api/v1/session", {"name": "Erika", "password": PASSWORD}).status == 401, "the password before is none any more")


def people(page):
    page.add("Viktor", "viewer", NEXT)
    browse("people.mjs", page, password=NEXT)
    page.sign_in("Erika", NEXT)
    left = {p["name"]: p for p in page.get("/api/v1/people").ok()["items"]}
    check(set(left) == {"Erika", "Viktor"} and left["Viktor"]["disabled"], f"who is left: {left}")


def test_entry_and_people(folder):
    with Site(folder) as site:
        page = Page(site)
        first_start(site, page)
        people(page)


main(globals())
