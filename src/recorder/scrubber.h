/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that looks for bit rot: reads the segments that it is given, at the rate that it is
 * told, and says of each whether it is as it was sealed. Has no key and opens nothing; its files
 * come as descriptors. What it reads is hostile: bounded in memory, in a sandbox as the worker's.
 *
 * It reads past the page cache (O_DIRECT where the file system can): the medium is what is checked,
 * and what others read again is not pushed out. Lowest priority of processor and disk.
 *
 * Descriptor 3 is the channel to the parent.
 */
#ifndef CUSTOS_RECORDER_SCRUBBER_H
#define CUSTOS_RECORDER_SCRUBBER_H

/* A larger file is not read: no segment is so long (60 s at 100 Mbit/s are 750 MB). */
#define SCRUBBER_BYTES_MAX (UINT64_C(1) << 30)

int scrubber_main(int argc, char **argv);

#endif
