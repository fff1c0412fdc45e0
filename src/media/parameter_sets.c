/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/parameter_sets.h"

#include "media/h264.h"
#include "media/h265.h"

#define KEY(type, id) ((type) << 16 | (id))

void parameter_sets_init(struct parameter_sets *s, enum media_codec codec)
{
        s->codec = codec;
        s->n = 0;
        s->used = 0;
}

/* 1 with the key when nal is a well-formed parameter set, 0 when it is something else. */
static int key_h264(struct bytes nal, unsigned *ret, struct err *e)
{
        struct h264_sps sps;
        unsigned id, sps_id;
        int r;

        switch (h264_nal_type(nal)) {
        case H264_SPS:
                r = h264_sps_parse(nal, &sps, e);
                id = r < 0 ? 0 : sps.id;
                break;
        case H264_PPS:
                r = h264_pps_ids(nal, &id, &sps_id, e);
                break;
        default:
                return 0;
        }
        if (r < 0)
                return r;
        *ret = KEY(h264_nal_type(nal), id);
        return 1;
}

static int key_h265(struct bytes nal, unsigned *ret, struct err *e)
{
        struct h265_sps sps;
        unsigned id, sps_id;
        int r;

        switch (h265_nal_type(nal)) {
        case H265_VPS:
                r = h265_vps_id(nal, &id, e);
                break;
        case H265_SPS:
                r = h265_sps_parse(nal, &sps, e);
                id = r < 0 ? 0 : sps.id;
                break;
        case H265_PPS:
                r = h265_pps_ids(nal, &id, &sps_id, e);
                break;
        default:
                return 0;
        }
        if (r < 0)
                return r;
        *ret = KEY(h265_nal_type(nal), id);
        return 1;
}

static void remove_at(struct parameter_sets *s, unsigned i, size_t offset)
{
        size_t n = s->entries[i].n;

        memmove(s->arena + offset, s->arena + offset + n, s->used - offset - n);
        memmove(&s->entries[i], &s->entries[i + 1], (s->n - i - 1) * sizeof s->entries[0]);
        s->used -= n;
        s->n--;
}

static void insert_at(
        struct parameter_sets *s, unsigned i, size_t offset, unsigned key, struct bytes nal)
{
        memmove(s->arena + offset + nal.n, s->arena + offset, s->used - offset);
        memcpy(s->arena + offset, nal.p, nal.n);
        memmove(&s->entries[i + 1], &s->entries[i], (s->n - i) * sizeof s->entries[0]);
        s->entries[i] = (struct parameter_sets_entry){ .key = key, .n = nal.n };
        s->used += nal.n;
        s->n++;
}

int parameter_sets_put(struct parameter_sets *s, struct bytes nal, struct err *e)
{
        unsigned key = 0, i = 0;
        size_t offset = 0;

        int r = s->codec == MEDIA_H264 ? key_h264(nal, &key, e) : key_h265(nal, &key, e);
        if (r <= 0)
                return r;
        for (; i < s->n && s->entries[i].key < key; i++)
                offset += s->entries[i].n;
        bool replaces = i < s->n && s->entries[i].key == key;
        size_t before = replaces ? s->entries[i].n : 0;
        if (replaces && bytes_equal(BYTES(s->arena + offset, before), nal))
                return 0;
        if (nal.n > sizeof s->arena - (s->used - before) || (!replaces && s->n == NAL_SETS_MAX))
                return err_set(e, ERR_EXHAUSTED, "more than %d parameter sets or %zu bytes of them",
                        NAL_SETS_MAX, sizeof s->arena);
        if (replaces)
                remove_at(s, i, offset);
        insert_at(s, i, offset, key, nal);
        return 1;
}

int parameter_sets_put_record(struct parameter_sets *s, struct bytes record, struct err *e)
{
        struct nal_sets sets;

        int r = s->codec == MEDIA_H264 ? h264_config_sets(record, &sets, NULL, e)
                                       : h265_config_sets(record, &sets, NULL, e);
        for (unsigned i = 0; r >= 0 && i < sets.n; i++)
                r = parameter_sets_put(s, sets.set[i], e);
        return r < 0 ? r : 0;
}

int parameter_sets_config(const struct parameter_sets *s, struct media_config *ret, struct err *e)
{
        struct nal_sets sets = { .n = s->n };
        size_t offset = 0;

        for (unsigned i = 0; i < s->n; i++) {
                sets.set[i] = BYTES(s->arena + offset, s->entries[i].n);
                offset += s->entries[i].n;
        }
        return s->codec == MEDIA_H264 ? h264_config_make(&sets, ret, e)
                                      : h265_config_make(&sets, ret, e);
}
