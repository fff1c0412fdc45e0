/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sidx and mfra (ISO/IEC 14496-12 sections 8.16.3 and 8.8.9 to 8.8.11). */
#include "media/box.h"
#include "media/fmp4.h"

#include <inttypes.h>

#define T BOX_TYPE
#define SIDX_FIXED 40 /* bytes of sidx version 1 without references */
#define SIDX_REFERENCE 12
#define SIDX_SAP_1 0x90000000u /* starts_with_SAP, SAP_type 1 */
#define SIDX_SIZE_MAX 0x7fffffff

_Static_assert(SIDX_FIXED + SIDX_REFERENCE * FMP4_FRAGMENTS_MAX + 8 <= FMP4_INDEX_SPACE,
        "the index space holds every fragment and a free box");

static int check_entries(const struct fmp4_index_entry *entries, unsigned n, uint64_t from,
        uint64_t end, struct err *e)
{
        if (n == 0 || n > FMP4_FRAGMENTS_MAX)
                return err_set(e, ERR_INVALID, "index of %u fragments, 1 to %d are possible", n,
                        FMP4_FRAGMENTS_MAX);
        for (unsigned i = 0; i < n; i++) {
                uint64_t next = i + 1 < n ? entries[i + 1].offset : end;
                if (entries[i].offset < from || next <= entries[i].offset ||
                        next - entries[i].offset > SIDX_SIZE_MAX ||
                        entries[i].moof_offset < entries[i].offset ||
                        entries[i].moof_offset >= next)
                        return err_set(e, ERR_INVALID,
                                "index: fragment %u of %u lies at %" PRIu64
                                ", the next at %" PRIu64,
                                i + 1, n, entries[i].offset, next);
        }
        return 0;
}

int fmp4_write_index_space(const struct fmp4_index_entry *entries, unsigned n, uint32_t timescale,
        uint64_t index_offset, uint64_t end, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = check_entries(entries, n, index_offset + FMP4_INDEX_SPACE, end, e);

        if (r < 0)
                return r;
        struct pack p = pack_to(out);
        size_t bytes = SIDX_FIXED + SIDX_REFERENCE * (size_t)n;
        size_t sidx = box_begin_full(&p, T('s', 'i', 'd', 'x'), 1, 0);
        pack_u32(&p, 1);
        pack_u32(&p, timescale);
        pack_u64(&p, entries[0].decode_time);
        pack_u64(&p, entries[0].offset - (index_offset + bytes));
        pack_u16(&p, 0);
        pack_u16(&p, (uint16_t)n);
        for (unsigned i = 0; i < n; i++) {
                uint64_t next = i + 1 < n ? entries[i + 1].offset : end;
                pack_u32(&p, (uint32_t)(next - entries[i].offset));
                pack_u32(&p, entries[i].duration);
                pack_u32(&p, entries[i].key ? SIDX_SAP_1 : 0);
        }
        box_end(&p, sidx);
        box_free_space(&p, FMP4_INDEX_SPACE - bytes);
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "sidx does not fit in %zu bytes", out->max);
        }
        return 0;
}

int fmp4_write_mfra(
        const struct fmp4_index_entry *entries, unsigned n, struct buf *out, struct err *e)
{
        size_t before = out->n;
        uint32_t keys = 0;

        if (n == 0 || n > FMP4_FRAGMENTS_MAX)
                return err_set(e, ERR_INVALID, "index of %u fragments, 1 to %d are possible", n,
                        FMP4_FRAGMENTS_MAX);
        for (unsigned i = 0; i < n; i++)
                keys += entries[i].key;

        struct pack p = pack_to(out);
        size_t mfra = box_begin(&p, T('m', 'f', 'r', 'a'));
        size_t tfra = box_begin_full(&p, T('t', 'f', 'r', 'a'), 1, 0);
        pack_u32(&p, 1);
        pack_u32(&p, 0); /* traf, trun and sample number: one byte each */
        pack_u32(&p, keys);
        for (unsigned i = 0; i < n; i++) {
                if (!entries[i].key)
                        continue;
                pack_u64(&p, entries[i].decode_time);
                pack_u64(&p, entries[i].moof_offset);
                pack_bytes(&p, BYTES("\1\1\1", 3));
        }
        box_end(&p, tfra);
        size_t mfro = box_begin_full(&p, T('m', 'f', 'r', 'o'), 0, 0);
        pack_u32(&p, (uint32_t)(p.out->n + 4 - mfra));
        box_end(&p, mfro);
        box_end(&p, mfra);
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "mfra does not fit in %zu bytes", out->max);
        }
        return 0;
}
