#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of a volume alone, on real file systems: what it makes and removes, and what it says and does when its disk is full,
read-only, gone, another, broken, stuck, somebody else's; and that no name, link or mount leads it elsewhere.

This program is the recorder's parent on its channel. Needs root for the mounts (a namespace of its own), and FUSE for the broken disks.
"""
import json
import os
import pwd
import stat
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import text
from custos_site import Failure, check, wait_for
from disks import Ext4, FailingDisk, FaultFs, Tmpfs, main_at_once, own_mounts
from volume_peer import FILE, KEY, LOCK, READ, REMOVE, SYNC, TAIL, Made, Refusal, Volume, close

ID = "00112233445566778899aabbccddeeff"
KEY_FILE = f"keys/desk-main/2026-11-22/15.{ID}.json"
SEGMENT = "desk-main/2026-11-22/15/00-00.000Z.0.mp4"
WALL_US = 1795359600000000
LOCK_TEXT = json.dumps({"version": 1, "id": ID, "stream": "desk-main", "from_us": 1, "to_us": 2, "made_us": 3, "by": "ann",
                        "reason": "case 7"}).encode()


def reserve(disk):
    """Room set aside for a segment (volume_segment_room)."""
    room = os.statvfs(disk.path)
    return min(room.f_blocks * room.f_frsize // 128, 32 << 20)


def tree(path):
    return sorted(str(p.relative_to(path)) for p in Path(path).rglob("*"))


def refused(answer, fault=None, word=""):
    check(isinstance(answer, Refusal), f"refused, not {answer}")
    check(fault is None or answer.fault == fault, f"for {fault}, not {answer}")
    check(word in answer.text, f"which says \"{word}\": {answer}")


def test_what_it_is_there_for(folder):
    with Ext4(folder, "disk", 128) as disk:
        volume = Volume(folder, disk.path, "second", claim=True)
        state = volume.state
        check((state.readable, state.name, state.fault) == (True, "second", ""), f"it made itself a volume: {state}")
        check(state.recorder == "custos://site/recorder/main" and state.device.endswith(" ext4"), f"whose and where: {state}")
        check(0 < state.free <= state.total <= 128 << 20, f"room as the file system has it: {state}")
        check(stat.S_IMODE(disk.path.stat().st_mode) == 0o700, "the directory is open to nobody else")
        identity = json.loads((disk.path / "volume.json").read_text())
        check(identity["id"] == state.id.hex() and identity["session"] == state.session.hex(), "as it stands in volume.json")

        made = volume.file(wall_us=WALL_US)
        check(made.key == SEGMENT and made.direct, f"a segment by its time, without the page cache: {made}")
        st = os.fstat(made.fd)
        check(st.st_size == 0 and st.st_blocks * 512 >= reserve(disk) >= 500000 and stat.S_IMODE(st.st_mode) == 0o600, f"with its room: {st}")
        again = volume.file(wall_us=WALL_US)
        check(again.key == SEGMENT.replace(".0.mp4", ".1.mp4"), f"at the same time another: {again.key}")
        check(volume.key(KEY_FILE, b"{\"a\":1}") is True and volume.sync() is True, "a key, and a sync")
        check((disk.path / KEY_FILE).read_bytes() == b"{\"a\":1}", "the key lies there")
        check(volume.lock(ID, LOCK_TEXT) is True and (disk.path / f"locks/{ID}.json").read_bytes() == LOCK_TEXT, "a lock")
        check(volume.lock(ID) is True and not (disk.path / f"locks/{ID}.json").exists(), "and none")
        os.ftruncate(made.fd, 4096)
        read = volume.read(SEGMENT)
        check(os.fstat(read.fd).st_size == 4096 and not read.direct, "the same file")
        try:
            os.write(read.fd, b"x")
            raise Failure("a file to read can be written to")
        except OSError:
            pass
        for m in (made, again, read):
            os.close(m.fd)
        check(volume.tail("desk-main", SEGMENT).empty and not (disk.path / SEGMENT).exists(), "nothing sealed: no segment")
        check(volume.remove(again.key, KEY_FILE, SEGMENT) is True, "what is not there is as good as removed")
        volume.key(KEY_FILE, b"{}")
        check(volume.remove(KEY_FILE[:KEY_FILE.index(ID)] + "*") is True and not (disk.path / "keys/desk-main").exists(), "the keys of an hour")
        check(volume.session(bytes(range(16))) is True, "a session")
        check(volume.next_state().session == bytes(range(16)), "and the state with it")
        check(json.loads((disk.path / "volume.json").read_text()) == {**identity, "session": bytes(range(16)).hex()}, "all else as before")
        check(tree(disk.path) == ["keys", "lock", "locks", "lost+found", "volume.json"], f"nothing is left: {tree(disk.path)}")
        volume.end()


def test_one_writer(folder):
    with Tmpfs(folder, "disk", 100) as disk:
        first = Volume(folder, disk.path, claim=True)
        key = close(first.file())
        second = Volume(folder, disk.path)
        check(second.state.fault == "volume-denied" and "another process" in second.state.text, f"one at a time: {second.state}")
        for answer in (second.file(), second.key(KEY_FILE, b"{}"), second.sync(), second.remove(key), second.lock(ID, LOCK_TEXT),
                       second.session(bytes(16))):
            refused(answer, "volume-denied", "another process")
        close(second.read(key))
        first.end()
        second.wait_fault("", 10)
        close(second.file())
        second.end()


def test_hostile_names(folder):
    """A parent that was taken over ends the channel, and nothing else."""
    secret = folder / "secret"
    secret.write_text("secret")
    with Tmpfs(folder, "disk", 200) as disk:
        volume = Volume(folder, disk.path, claim=True)
        key = close(volume.file())
        volume.end()
        before = tree(disk.path)

        def removing(name):
            return REMOVE, struct.pack(">I", 2) + text(key) + text(name)
        hostile = [removing(n) for n in ("../secret", str(secret), "../../etc/passwd", "volume.json", "lock", f"locks/{ID}.json", "desk-main",
                                         "keys", key + "/../../../../../secret", "", key.replace("desk-main", ".."), "keys/" + key, "keys/desk-main/2026-11-22/*", "keys/*",
                                         f"keys/../desk-main/2026-11-22/15.{ID}.json")]
        hostile += [(READ, text("../secret")), (READ, text("volume.json")), (KEY, text("keys/../../x") + bytes(4)),
                    (KEY, text("volume.json") + bytes(4)), (KEY, text(key) + bytes(4)), (KEY, text(KEY_FILE) + struct.pack(">I", 8193) + bytes(8193)),
                    (LOCK, text("../../x") + bytes(2)), (LOCK, text(ID) + text("{}")), (LOCK, text(ID[::-1]) + text(LOCK_TEXT.decode())), (FILE, text("../x-main") + bytes(8)),
                    (FILE, text("desk") + bytes(8)), (TAIL, text("desk-main") + text("../secret") + bytes(58)), (TAIL, text("..") + text(key) + bytes(58)),
                    (REMOVE, struct.pack(">I", 0)), (REMOVE, struct.pack(">I", 65) + text(key) * 65), (SYNC, b"x"), (99, b""), (114, b"")]
        for kind, body in hostile:
            volume = Volume(folder, disk.path)
            check(volume.state.fault == "", f"ready: {volume.state}")
            volume.ask(kind, body)
            volume.wait_moved(5, status=1)
            check(tree(disk.path) == before and secret.read_text() == "secret", f"message {kind} {body[:60]} changed something")


def test_hostile_links(folder):
    """A disk that was in other hands: links where directories and files were."""
    outside = folder / "outside/2026-11-22/15"
    outside.mkdir(parents=True)
    (outside / "00-00.000Z.0.mp4").write_text("evidence")
    with Tmpfs(folder, "disk", 200) as disk:
        Volume(folder, disk.path, claim=True).end()
        (disk.path / "desk-main").symlink_to("../outside")
        (disk.path / "keys").symlink_to("../outside")
        other = disk.path / "other-main/2026-11-22/15"
        other.mkdir(parents=True)
        (other / "00-00.000Z.0.mp4").symlink_to("/etc/passwd")
        os.mkfifo(other / "00-00.000Z.1.mp4")
        volume = Volume(folder, disk.path)
        for answer in (volume.file(wall_us=WALL_US), volume.read(SEGMENT), volume.remove(SEGMENT), volume.key(KEY_FILE, b"{}"),
                       volume.tail("desk-main", SEGMENT), volume.read("other-main/2026-11-22/15/00-00.000Z.0.mp4"),
                       volume.read("other-main/2026-11-22/15/00-00.000Z.1.mp4")):
            refused(answer)
        check(volume.next_state().fault == "", f"which says nothing about the rest of it: {volume.state}")
        check(tree(folder / "outside") == ["2026-11-22", "2026-11-22/15", "2026-11-22/15/00-00.000Z.0.mp4"], "nothing came, nothing went")
        volume.end()


def test_full(folder):
    with Ext4(folder, "disk", 128) as disk:
        volume = Volume(folder, disk.path, claim=True)
        disk.fill(leave=reserve(disk) // 2)
        before = tree(disk.path)
        refused(volume.file(), "volume-full")
        check(volume.wait_fault("volume-full").text, "with the particulars")
        check(volume.key(KEY_FILE, b"{}") is True, "a key still finds room")
        check(volume.remove(KEY_FILE) is True and not [p for p in tree(disk.path) if p.endswith(".mp4")], "no file is left of the attempt")
        volume.next_state()
        check(volume.next_state().fault == "volume-full", "as long as there is no room for a segment")
        disk.empty()
        start = time.monotonic()
        volume.wait_fault("", 10)
        check(time.monotonic() - start > 2.5, "two good probes, not one")
        close(volume.file())
        check(".probe" not in tree(disk.path), f"the probe is gone: {before}")
        volume.end()


def test_read_only(folder):
    with Ext4(folder, "disk", 96) as disk:
        volume = Volume(folder, disk.path, claim=True)
        key = close(volume.file())
        disk.read_only()
        volume.wait_fault("volume-read-only", 4)
        for answer in (volume.file(), volume.key(KEY_FILE, b"{}"), volume.remove(key), volume.lock(ID, LOCK_TEXT), volume.session(bytes(16))):
            refused(answer, "volume-read-only")
        close(volume.read(key))
        volume.end()
        volume = Volume(folder, disk.path)  # begun while it is so
        check(volume.state.fault == "volume-read-only" and volume.state.readable, f"seen at once: {volume.state}")
        close(volume.read(key))
        disk.read_only(False)
        volume.wait_fault("", 10)
        close(volume.file())
        volume.end()


def test_removed_and_put_back(folder):
    (folder / "disk").mkdir()
    mount_point = os.open(folder / "disk", os.O_PATH)
    disk, other = Ext4(folder, "disk", 96), Ext4(folder, "other", 96)
    try:
        Volume(folder, other.path, "other", claim=True).end()
        volume = Volume(folder, disk.path, claim=True)
        identity = volume.state.id
        disk.unmount(lazy=True)
        state = volume.wait_moved(4)
        check(state.fault == "volume-missing", f"it says so before it ends: {state}")

        # What lies there now is a directory of another disk, empty and nobody's: nothing is written to it.
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "volume-missing" and not volume.state.readable, f"not mounted: {volume.state}")
        for answer in (volume.file(), volume.key(KEY_FILE, b"{}"), volume.sync(), volume.lock(ID, LOCK_TEXT), volume.session(bytes(16))):
            refused(answer, "volume-missing")
        check(volume.next_state().fault == "volume-missing" and not list(disk.path.iterdir()), "the mount point stays empty")

        # Swapped: it says who it is; whose place it is, the parent knows.
        disk.image, image = other.image, disk.image
        other.unmount()
        disk.mount()
        check(volume.wait_moved(4).fault == "volume-missing", "another directory: begin again")
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "" and volume.state.name == "other" and volume.state.id != identity, f"another: {volume.state}")
        disk.unmount(lazy=True)
        volume.wait_moved(4)
        volume = Volume(folder, disk.path)

        disk.image = image
        disk.mount()
        volume.wait_moved(4)
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "" and volume.state.id == identity, f"by itself as before: {volume.state}")
        volume.end()
        check(not os.listdir(f"/proc/self/fd/{mount_point}"), "below the disk nothing was ever made")
    finally:
        os.close(mount_point)
        disk.close()
        other.close()


def test_no_such_path(folder):
    volume = Volume(folder, folder / "later/disk")
    check(volume.state.fault == "volume-missing", f"no such directory: {volume.state}")
    refused(volume.file(), "volume-missing")
    volume.next_state()
    volume.next_state()
    (folder / "later/disk").mkdir(parents=True)
    volume.wait_moved(4)
    volume = Volume(folder, folder / "later/disk")  # there, and no volume: asked for without claiming it
    check(volume.state.fault == "volume-missing" and not list((folder / "later/disk").iterdir()), f"never claimed by itself: {volume.state}")
    volume.end()
    (folder / "later/disk/holiday.jpg").write_text("x")
    volume = Volume(folder, folder / "later/disk", claim=True)
    check(volume.state.fault == "volume-foreign" and "not empty" in volume.state.text, f"nor where something lies: {volume.state}")
    volume.end()
    check(tree(folder / "later/disk") == ["holiday.jpg"], "which is left as it is")


def fails(folder, calls, errno, fault):
    """FUSE: one kind of call fails. Refused, said, kept so by probes that fail, and used again by itself after two that do not."""
    with FaultFs(folder, "disk") as disk:
        volume = Volume(folder, disk.path, claim=True)
        check(volume.state.fault == "" and volume.state.device.endswith(" fuse"), f"a volume: {volume.state}")
        disk.say(f"{calls} errno {errno}")
        refused(volume.key(KEY_FILE, b"{}"), fault)
        check(volume.wait_fault(fault).text, "with the particulars")
        volume.next_state()
        check(volume.next_state().fault == fault, f"it stays so: {volume.state}")
        disk.say("well")
        writes = disk.counts()["write"]
        volume.wait_fault("", 10)
        check(disk.counts()["write"] >= writes + 4, "two good probes (room and a block, each), not one")
        check(volume.key(KEY_FILE, b"{}") is True, "used again")
        volume.end()


def test_writes_fail(folder):
    fails(folder, "write", "EIO", "volume-io-error")


def test_syncs_fail(folder):
    fails(folder, "sync", "EIO", "volume-io-error")


def test_changes_fail(folder):
    fails(folder, "change", "EROFS", "volume-read-only")


def test_no_room(folder):
    fails(folder, "write", "ENOSPC", "volume-full")


def test_not_allowed(folder):
    fails(folder, "change", "EACCES", "volume-denied")


def test_what_a_worker_met(folder):
    """It is probed for, and what is healthy is not written to all the time."""
    with FaultFs(folder, "disk") as disk:
        volume = Volume(folder, disk.path, claim=True)
        volume.next_state()
        writes = disk.counts()["write"]
        volume.next_state()
        volume.next_state()
        check(disk.counts()["write"] == writes, "a healthy volume is only looked at")
        volume.trouble("volume-io-error", "a worker's words")
        check(volume.wait_fault("volume-io-error").text == "a worker's words", "the state has it")
        volume.wait_fault("", 10)
        check(disk.counts()["write"] >= writes + 2, "cleared by blocks that were written")
        volume.end()


def test_a_disk_that_is_pulled_out(folder):
    with FaultFs(folder, "disk") as disk:
        volume = Volume(folder, disk.path, claim=True)
        disk.say("all errno ENODEV")
        refused(volume.key(KEY_FILE, b"{}"), "volume-missing")
        check(volume.wait_moved(4).fault == "volume-missing", "its path leads nowhere")
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "volume-missing" and volume.next_state().fault == "volume-missing", f"not there: {volume.state}")
        disk.say("well")
        volume.wait_moved(4)
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "", f"there again: {volume.state}")
        disk.gone()
        refused(volume.file(), "volume-missing")
        check(volume.wait_fault("volume-missing").text, "gone")
        volume.wait_moved(4)


def test_calls_that_hang(folder):
    """A sync and the state do not wait behind files; what hangs is heard of by silence."""
    with FaultFs(folder, "disk") as disk:
        volume = Volume(folder, disk.path, claim=True)
        key, kept = close(volume.file("old-main")), close(volume.file("other-main"))
        disk.say("change hang")
        stuck = [volume.ask(FILE, text("desk-main") + struct.pack(">q", WALL_US + i)) for i in range(20)]
        stuck += [volume.ask(REMOVE, struct.pack(">I", 1) + text(key))]
        start = time.monotonic()
        check(volume.sync(3) is True, "a sync is answered")
        check(isinstance(volume.answer(volume.ask(READ, text(kept)), 3), Made), "a file to read too")
        check(volume.next_state(4).fault == "", "and the state comes")
        check(volume.unanswered(stuck[0], 0.5) and time.monotonic() - start < 6, "while files are made for ever")
        volume.trouble("volume-slow", "no answer")
        volume.wait_fault("volume-slow")
        states = volume.states
        check(volume.unanswered(stuck[0], 5) and volume.states <= states + 1, "a probe hangs too: no word")
        disk.say("well")
        for number in stuck[:-1]:
            close(volume.answer(number))
        check(volume.answer(stuck[-1]) is True, "all that was asked is answered")
        volume.wait_fault("", 10)
        volume.end()


def test_a_disk_that_fails(folder):
    """The kernel's ext4 on a disk that takes no block any more: syncs fail, the journal aborts, the file system turns read-only."""
    with FailingDisk(folder, "disk", 96) as disk:
        volume = Volume(folder, disk.path, claim=True)
        made = volume.file()
        disk.fail()
        check(volume.key(KEY_FILE, b"{}") is not True or volume.sync() is not True, "nothing becomes durable")
        volume.wait_state(lambda s: s.fault in ("volume-io-error", "volume-read-only"), 6)
        volume.next_state()
        check(volume.next_state().fault in ("volume-io-error", "volume-read-only"), f"as long as it fails: {volume.state}")
        os.close(made.fd)
        volume.end()
        disk.mend()
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "" and volume.sync() is True, f"mounted again: {volume.state}")
        close(volume.file())
        volume.end()


def test_a_disk_that_hangs(folder):
    """A sleep in the kernel that no signal ends."""
    with FailingDisk(folder, "disk", 96) as disk:
        volume = Volume(folder, disk.path, claim=True)
        close(volume.file())
        disk.hang()
        number = volume.ask(KEY, text(KEY_FILE) + struct.pack(">I", 2) + b"{}")
        sync = volume.ask(SYNC)
        check(volume.unanswered(number, 3) and volume.unanswered(sync, 0.1), "neither is answered")
        disk.heal()
        check(volume.answer(number) is True and volume.answer(sync) is True, "until the disk does")
        check(volume.sync() is True, "and it goes on")
        volume.end()


def test_of_another_user(folder):
    nobody = pwd.getpwnam("nobody").pw_uid
    folder.chmod(0o755)
    with Tmpfs(folder, "disk", 100) as disk:
        Volume(folder, disk.path, claim=True).end()
        state = folder / "state"
        state.mkdir()
        os.chown(state, nobody, -1)
        volume = Volume(folder, disk.path, user=nobody, state=state)
        check(volume.state.fault == "volume-denied" and not volume.state.readable, f"not his: {volume.state}")
        refused(volume.file(), "volume-denied")
        for path in [disk.path, *disk.path.rglob("*")]:
            os.chown(path, nobody, nobody)
        volume.wait_moved(4)
        volume = Volume(folder, disk.path, user=nobody, state=state)
        check(volume.state.fault == "", f"his: {volume.state}")
        close(volume.file())
        # Root, without its capabilities, has no more right than he gives.
        volume.end()
        volume = Volume(folder, disk.path)
        check(volume.state.fault == "volume-denied", f"the user's, not root's: {volume.state}")
        volume.end()


def test_what_the_kernel_keeps_from_it(folder):
    with Tmpfs(folder, "disk", 100) as disk:
        volume = Volume(folder, disk.path, claim=True)
        close(volume.file())
        for task in Path(f"/proc/{volume.pid}/task").iterdir():
            status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
            check((status["Seccomp"].strip(), status["NoNewPrivs"].strip()) == ("2", "1"), f"thread {task.name} is under a filter")
            check(all(int(status[c], 16) == 0 for c in ("CapPrm", "CapEff", "CapInh", "CapAmb")), f"thread {task.name} has no capability")
        def held():
            return [os.readlink(fd) for fd in Path(f"/proc/{volume.pid}/fd").iterdir()]

        def files():
            return {name for name in held() if name.startswith("/") and not name.startswith(("/dev/null", str(volume.log_path)))}

        # A file that it made is closed right behind the answer.
        wait_for(lambda: files() == {str(disk.path), str(disk.path / "lock")}, 5, lambda: f"it holds its directory and the lock: {files()}")
        check(sum(name.startswith("socket:") for name in set(held())) == 1, f"and one channel: {held()}")
        check(os.readlink(f"/proc/{volume.pid}/cwd") == str(disk.path), "it lives in its volume")
        volume.end()


own_mounts()
main_at_once(globals(), __file__)
