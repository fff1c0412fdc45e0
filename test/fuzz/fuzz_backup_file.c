/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup with a known kit. First byte 0: the file as it is; else: what a writer with the kit's
 * public half could have sealed, so that what lies within the chunks is met too. */
#include "base/pack.h"
#include "crypto/hash.h"
#include "crypto/media_box.h"
#include "trust/backup_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t fuzz_kit[HPKE_PRIVATE_BYTES] = { [31] = 7 };

struct fuzz_seen {
        uint64_t left;
};

static int fuzz_on_entry(void *owner, const char *name, uint64_t n, struct err *e)
{
        struct fuzz_seen *s = owner;

        (void)e;
        if (s->left || !backup_file_is_name(name) || n > BACKUP_FILE_ENTRY_MAX)
                __builtin_trap();
        s->left = n;
        return 0;
}

static int fuzz_on_data(void *owner, struct bytes data, struct err *e)
{
        struct fuzz_seen *s = owner;

        (void)e;
        if (data.n == 0 || data.n > s->left)
                __builtin_trap();
        s->left -= data.n;
        return 0;
}

static void fuzz_seal(struct bytes plain, struct buf *out)
{
        uint8_t recipient[HPKE_PUBLIC_BYTES], id[HASH_BYTES], wrap[MEDIA_BOX_WRAP_BYTES];
        const uint8_t last = 1;
        struct media_box *box = NULL;
        struct pack p = pack_to(out);

        if (hpke_public_of(fuzz_kit, recipient, NULL) < 0)
                __builtin_trap();
        hash_once(BYTES(recipient, sizeof recipient), id);
        pack_bytes(&p, BYTES("CustosBk", 8));
        pack_u32(&p, BACKUP_FILE_VERSION);
        pack_i64(&p, 1);
        pack_bytes(&p, BYTES(id, sizeof id));
        if (media_box_seal_new(recipient, buf_bytes(out), &box, wrap, NULL) < 0)
                __builtin_trap();
        pack_bytes(&p, BYTES(wrap, sizeof wrap));
        if (media_box_seal(box, BYTES(&last, 1), &plain, 1, out, NULL) < 0)
                __builtin_trap();
        media_box_free(box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const struct backup_file_events events = { fuzz_on_entry, fuzz_on_data };
        struct fuzz_seen s = { 0 };
        struct buf file;

        if (n == 0 || n > BACKUP_FILE_CHUNK_BYTES)
                return 0;
        buf_init(&file, 1u << 20);
        if (data[0] == 0) {
                if (buf_append(&file, BYTES(data + 1, n - 1), NULL) < 0)
                        __builtin_trap();
        } else {
                fuzz_seal(BYTES(data + 1, n - 1), &file);
        }
        int r = backup_file_read(buf_bytes(&file), fuzz_kit, &events, &s, NULL);
        if (r == 0 && s.left)
                __builtin_trap();
        buf_done(&file);
        return 0;
}
