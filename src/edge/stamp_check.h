/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts the stamped frames (media/stamp.h) of recordings: which are missing, doubled, out of
 * order. Reads clear files of any kind that libavformat opens, in the order given, as one
 * recording; cameras are told apart by the name in the stamp. Blocking; for the command line and
 * tests.
 *
 * A camera's counter starts at 0 with its process: recordings from before and after its restart are
 * checked apart.
 */
#ifndef CUSTOS_EDGE_STAMP_CHECK_H
#define CUSTOS_EDGE_STAMP_CHECK_H

#include "media/stamp.h"

#define STAMP_CHECK_FRAMES_MAX (1u << 26)
#define STAMP_CHECK_CAMERAS_MAX 4096

struct stamp_check_gap {
        uint64_t first, last; /* missing counters */
        int64_t us;           /* by the stamps, from the frame before to the frame behind */
};

struct stamp_check_camera {
        char name[STAMP_CAMERA_ROOM];
        uint64_t first, last; /* counters */
        int64_t first_us, last_us;
        uint64_t frames; /* different ones */
        uint64_t missing, duplicates, out_of_order;
        struct stamp_check_gap *gaps; /* ascending */
        size_t gaps_n;
};

struct stamp_check;

struct stamp_check *stamp_check_new(void);
struct stamp_check *stamp_check_free(struct stamp_check *c);
void stamp_check_freep(struct stamp_check **c);
int stamp_check_file(struct stamp_check *c, const char *path, struct err *e) MUST_USE;
/* Borrowed until the next call for a file; in the order of first appearance. */
const struct stamp_check_camera *stamp_check_cameras(struct stamp_check *c, size_t *ret_n);
/* Video frames without a stamp. */
uint64_t stamp_check_unstamped(const struct stamp_check *c);
/* Stamps were found, every frame has one, and none is missing. */
bool stamp_check_complete(struct stamp_check *c);

#endif
