/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk that forgets (docs/design/crash.md): a directory whose changes go through os/file_ops.h
 * and are noted down. A cut at any operation builds what could be found after the power went
 * then: all that was synced, and a random part of the rest, in random order, torn at 512 bytes.
 *
 *   - syncfs makes all durable that came before it began, fsync and fdatasync of a file its bytes
 *     and its length, fsync of a directory the names in it. A file's name is not durable with the
 *     file: its directory has to be synced, and the one that that one's name is in.
 *   - A rename is done or not done, for both names at once. So is a name made or removed.
 *   - Each sector of a write is there or not, by itself; what was never written reads as zeros.
 *     A length is one of those that the file had since its sync. Direct I/O is no exception.
 *
 * What is changed without os/file_ops.h (SQLite) is not on this disk. Also fails operations on
 * demand. A test includes power_disk.c once and links `os`. Aborts where it cannot go on.
 */
#ifndef CUSTOS_TEST_POWER_DISK_H
#define CUSTOS_TEST_POWER_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Takes root as it is for durable, and the operations of this process below it from now on. May be
 * started again, for another directory, until power_disk_stop: a crash while a crash is mended. */
void power_disk_start(const char *root);
/* Forgets it; behind the outermost the operations are the kernel's again. */
void power_disk_stop(void);
/* Operations so far, failed ones included. */
unsigned power_disk_count(void);
/* What operation k did, for people: "pwritev lobby-main/.../00-00.000Z.0.mp4 8192+4096". */
const char *power_disk_describe(unsigned k);
/* Makes `to` (which must not be there) the disk as it may be found when the power goes while
 * operation k is under way; k == power_disk_count(): behind the last. */
void power_disk_cut(unsigned k, uint64_t seed, const char *to);

/* From now on: the operation with this number (from 0, since power_disk_start) fails; short: a
 * write is cut to half its bytes and succeeds, the next one of that file fails with ENOSPC. */
enum power_disk_fault {
        POWER_DISK_EIO,
        POWER_DISK_ENOSPC,
        POWER_DISK_EROFS,
        POWER_DISK_SHORT,
};
void power_disk_fail(unsigned k, enum power_disk_fault fault);
/* As long as it is set all fail (a disk that is gone). */
void power_disk_fail_all(bool on);

/* Removes a directory with all that is in it. */
void power_disk_remove(const char *path);

#endif
