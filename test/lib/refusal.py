# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of attacks on the camera link share: adding a camera, its refusal, and that nothing was recorded or said."""
from custos_site import PASSING, PASSWORD, USER, check, password_file, wait_for


def add(site, name, url, *options, user=USER):
    site.add(name, url, user, password_file(site.folder) if user else None, *options)


def left_out(reason):
    print(f"  skipped: {reason}")


def heard_nothing(text, what):
    for word in ("RTSP/1.0", "OPTIONS", "DESCRIBE", "Authorization", USER, PASSWORD):
        check(word not in text, f"{what}: the other side got {word!r}:\n{text[-1500:]}")


def not_recorded(site, name):
    state = site.stream(f"{name}-main")
    check(not state["recording"] and state["fragments"] == 0 and state["protection"] == "open", f"{name}: {state}")
    check(not site.segments(f"{name}-main"), f"{name}: nothing on the disk")


def refused(site, name, fault=None, *words, seconds=20):
    """Waits for the refusal; the state. Where one is asked for, not the end of a connection before that: it may have been tried too early."""
    def state():
        s = site.stream(f"{name}-main")
        over = s.get("error") and s["state"] in ("waiting", "stopped")
        return s if over and (fault is None or s["fault"] == fault or s["fault"] not in PASSING) else None

    state = wait_for(state, seconds, lambda: f"{name} is refused: {site.stream(f'{name}-main')}")
    check(fault is None or state["fault"] == fault, f"{name}: refused as {fault}: {state['fault']}: {state['error']}")
    for word in words:
        check(word in state["error"], f"{name}: the text says {word!r}: {state['error']}")
    not_recorded(site, name)
    return state
