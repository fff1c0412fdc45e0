/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a volume's process or a scrubber that was taken over by a file system can send to the
 * parent, what the parent sends to the supervisor, and requests to a volume: first byte chooses.
 * What is accepted packs to the same bytes again; no name that a request brings leads out of the
 * volume. */
#include <stdlib.h>

#include "recorder/volume_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same(int packed, const struct buf *out, struct bytes body)
{
        if (packed < 0 || !bytes_equal(buf_bytes(out), body))
                abort();
}

static void check_name(const char *name)
{
        if (name[0] == '/' || strstr(name, "..") || strstr(name, "//"))
                abort();
}

static void check_job(uint16_t type, struct bytes body)
{
        struct volume_job *j;

        if (volume_job_parse(type, body, &j, NULL) < 0)
                return;
        check_name(j->stream);
        check_name(j->name);
        for (unsigned i = 0; i < j->names_n; i++)
                check_name(j->names[i]);
        volume_job_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes body = n ? BYTES(data + 1, n - 1) : BYTES(data, 0);
        static struct message_volume_start start;
        static struct message_volume_state state;
        struct message_volume_tail tail;
        struct message_scrubbed scrubbed;
        struct message_scrub scrub;
        unsigned kind = n ? data[0] % 13 : 0;
        uint32_t id;
        struct buf out;

        buf_init(&out, 1u << 20);
        switch (kind) {
        case 0:
                if (message_volume_start_parse(body, &start, NULL) == 0)
                        same(message_volume_start_pack(&start, &out, NULL), &out, body);
                break;
        case 1:
                if (message_volume_state_parse(body, &state, NULL) == 0)
                        same(message_volume_state_pack(&state, &out, NULL), &out, body);
                break;
        case 2:
                if (message_volume_tail_parse(body, &id, &tail, NULL) == 0)
                        same(message_volume_tail_pack(id, &tail, &out, NULL), &out, body);
                break;
        case 3:
                if (message_scrubbed_parse(body, &scrubbed, NULL) == 0)
                        same(message_scrubbed_pack(&scrubbed, &out, NULL), &out, body);
                break;
        case 12:
                if (message_scrub_parse(body, &scrub, NULL) == 0)
                        same(message_scrub_pack(&scrub, &out, NULL), &out, body);
                break;
        default: /* 4..11: FILE, KEY, SYNC, TAIL, REMOVE, READ, LOCK, SESSION */
                check_job((uint16_t)(MESSAGE_VOLUME_FILE + kind - 4), body);
        }
        buf_done(&out);
        return 0;
}
