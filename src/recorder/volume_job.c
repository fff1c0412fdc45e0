/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/volume_job.h"

#include <stdlib.h>
#include <unistd.h>

#include "recorder/message_parts.h"
#include "vault/key_store.h"
#include "vault/lock_record.h"

static void volume_job_keep_text(struct volume_job *j, struct unpack *u, struct bytes text)
{
        if (buf_append(&j->text, text, NULL) < 0)
                u->bad = true;
}

/* A lock that cannot be read locks nothing. */
static bool volume_job_lock_ok(const struct volume_job *j)
{
        struct lock_record l;

        return lock_record_is_id(j->name) &&
               (j->text.n == 0 || (lock_record_parse(buf_bytes(&j->text), &l, NULL) == 0 &&
                                          strcmp(l.id, j->name) == 0));
}

static void volume_job_unpack_names(struct volume_job *j, struct unpack *u)
{
        j->names_n = unpack_u32(u);
        if (j->names_n == 0 || j->names_n > VOLUME_JOB_NAMES_MAX) {
                j->names_n = 0;
                u->bad = true;
                return;
        }
        j->names = xcalloc(j->names_n, sizeof *j->names);
        for (unsigned i = 0; i < j->names_n; i++) {
                unpack_string(u, j->names[i], sizeof j->names[i]);
                u->bad |= !volume_work_is_segment(j->names[i]) &&
                          !volume_work_is_key(j->names[i]) && !volume_work_is_hour(j->names[i]);
        }
}

static void volume_job_unpack(struct volume_job *j, struct unpack *u)
{
        if (j->type == MESSAGE_VOLUME_SESSION) {
                unpack_copy(u, j->session, sizeof j->session);
                return;
        }
        j->id = unpack_u32(u);
        switch (j->type) {
        case MESSAGE_VOLUME_FILE:
                unpack_string(u, j->stream, sizeof j->stream);
                j->wall_us = unpack_i64(u);
                u->bad |= !head_is_stream_path(j->stream);
                break;
        case MESSAGE_VOLUME_KEY:
                unpack_string(u, j->name, sizeof j->name);
                volume_job_keep_text(j, u, unpack_field32(u, KEY_STORE_FILE_MAX));
                u->bad |= !volume_work_is_key(j->name);
                break;
        case MESSAGE_VOLUME_SYNC:
                break;
        case MESSAGE_VOLUME_TAIL:
                unpack_string(u, j->stream, sizeof j->stream);
                unpack_string(u, j->name, sizeof j->name);
                j->bounded = message_unpack_bool(u);
                message_unpack_link(u, &j->bound);
                j->alone = message_unpack_bool(u);
                message_unpack_link(u, &j->durable);
                u->bad |= !head_is_stream_path(j->stream) ||
                          ((*j->name || j->alone) && !head_is_object_key(j->name, j->stream));
                break;
        case MESSAGE_VOLUME_REMOVE:
                volume_job_unpack_names(j, u);
                break;
        case MESSAGE_VOLUME_READ:
                unpack_string(u, j->name, sizeof j->name);
                u->bad |= !volume_work_is_segment(j->name) && !volume_work_is_key(j->name);
                break;
        case MESSAGE_VOLUME_LOCK:
                unpack_string(u, j->name, sizeof j->name);
                volume_job_keep_text(j, u, unpack_field16(u, LOCK_RECORD_FILE_MAX));
                u->bad |= !volume_job_lock_ok(j);
                break;
        default:
                u->bad = true;
        }
}

int volume_job_parse(uint16_t type, struct bytes body, struct volume_job **ret, struct err *e)
{
        struct unpack u = unpack_of(body);
        struct volume_job *j = xcalloc(1, sizeof *j);

        j->type = type;
        j->file.fd = -1;
        buf_init(&j->text, KEY_STORE_FILE_MAX);
        volume_job_unpack(j, &u);
        if (!unpack_complete(&u)) {
                volume_job_free(j);
                return err_set(e, ERR_PROTOCOL, "message %u to a volume: malformed", type);
        }
        *ret = j;
        return 0;
}

struct volume_job *volume_job_free(struct volume_job *j)
{
        if (!j)
                return NULL;
        own_closep(&j->file.fd);
        buf_done(&j->text);
        free(j->names);
        free(j);
        return NULL;
}

static int volume_job_session(struct volume_job *j)
{
        struct volume_identity v;

        int r = volume_read(".", &v, &j->err);
        if (r < 0)
                return r;
        memcpy(v.session, j->session, sizeof v.session);
        return volume_identity_write(".", &v, &j->err);
}

static int volume_job_tail(struct volume_job *j)
{
        const struct vault_tail_known known = { j->durable.sequence ? &j->durable : NULL,
                j->bounded ? &j->bound : NULL };

        return volume_work_tail(j->stream, j->name, j->alone, &known, &j->tail, &j->err);
}

void volume_job_run(struct volume_job *j, struct volume_work *w, int dir_fd)
{
        switch (j->type) {
        case MESSAGE_VOLUME_FILE:
                j->result = volume_work_create(w, j->stream, j->wall_us, &j->file, &j->err);
                break;
        case MESSAGE_VOLUME_KEY:
                j->result = volume_work_key(w, j->name, buf_bytes(&j->text), &j->err);
                break;
        case MESSAGE_VOLUME_SYNC:
                j->result = volume_work_sync(dir_fd, &j->err);
                break;
        case MESSAGE_VOLUME_TAIL:
                j->result = volume_job_tail(j);
                break;
        case MESSAGE_VOLUME_REMOVE:
                j->result = volume_work_remove(
                        w, (const char(*)[HEAD_KEY_MAX])j->names, j->names_n, &j->err);
                break;
        case MESSAGE_VOLUME_READ:
                j->result = volume_work_read(j->name, &j->file, &j->err);
                break;
        case MESSAGE_VOLUME_LOCK:
                j->result = volume_work_lock(w, j->name, buf_bytes(&j->text), &j->err);
                break;
        default:
                j->result = volume_job_session(j);
        }
}

uint16_t volume_job_answer(const struct volume_job *j, struct buf *out)
{
        struct pack p = pack_to(out);

        if (j->result == 0 && j->type == MESSAGE_VOLUME_TAIL &&
                message_volume_tail_pack(j->id, &j->tail, out, NULL) == 0)
                return MESSAGE_VOLUME_END;
        pack_u32(&p, j->id);
        if (j->result < 0) {
                pack_u8(&p, (uint8_t)-j->result);
                pack_u8(&p, (uint8_t)j->err.fault);
                pack_string(&p, j->err.text);
                return MESSAGE_VOLUME_FAILED;
        }
        if (j->type != MESSAGE_VOLUME_FILE && j->type != MESSAGE_VOLUME_READ)
                return MESSAGE_VOLUME_DONE;
        pack_u8(&p, j->file.direct);
        pack_string(&p, j->file.object_key);
        return MESSAGE_VOLUME_MADE;
}
