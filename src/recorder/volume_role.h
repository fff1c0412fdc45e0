/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process of one volume (docs/design/storage.md): makes segment files and passes their
 * descriptors on, writes wrapped keys and locks, syncs, reads tails, removes what it is told to,
 * and says every two seconds how the volume is. A disk that hangs, hangs this process and no other.
 * It reaches its volume and nothing else, and has no key and no footage.
 *
 * Descriptor 3 is the channel to the recorder's parent. When the path comes to lead to another
 * directory, or to one at last, the process says so and ends with 0, to be started again: what it
 * may reach was settled at its start.
 */
#ifndef CUSTOS_RECORDER_VOLUME_ROLE_H
#define CUSTOS_RECORDER_VOLUME_ROLE_H

#define VOLUME_ROLE_LOOK_MS 2000
#define VOLUME_ROLE_JOBS_MAX 8192 /* asked and not answered */

/* argv: --state DIR [--config FILE] --index NUMBER --path DIR --name NAME [--claim]: make it a
 * volume where it is none. Returns the exit status. */
int volume_role_main(int argc, char **argv);

#endif
