/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/key_files.h"

#include <sys/stat.h>

#include "base/str.h"
#include "os/file.h"

static void wiped_buf_done(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        buf_done(b);
}

/* --- reading --- */

static int read_pair(const char *dir, const char *stem, enum key_files_reader reader,
        const char *key_end, const char *pem_end, key_files_take take, void *owner, struct err *e)
{
        CLEANUP(own_freep) char *key_path = xasprintf("%s/%s.%s", dir, stem, key_end);
        CLEANUP(own_freep) char *pem_path = xasprintf("%s/%s.%s", dir, stem, pem_end);
        CLEANUP(wiped_buf_done) struct buf key;
        CLEANUP(buf_done) struct buf chain;

        buf_init(&key, SIGN_PEM_MAX);
        buf_init(&chain, KEY_FILES_CHAIN_MAX);
        int r = reader == KEY_FILES_GROUP ? file_read_shared_secret(key_path, SIGN_PEM_MAX, &key, e)
                                          : file_read_own_secret(key_path, SIGN_PEM_MAX, &key, e);
        if (r == 0)
                r = file_read(pem_path, KEY_FILES_CHAIN_MAX, &chain, e);
        if (r < 0)
                return r;
        r = take(owner, buf_bytes(&key), buf_bytes(&chain), e);
        return r < 0 ? err_wrap(e, r, "%s and %s", key_path, pem_path) : 0;
}

int key_files_read(const char *dir, const char *stem, enum key_files_reader reader,
        key_files_take take, void *owner, struct err *e)
{
        static const struct {
                const char *key, *pem;
        } others[] = { { "key", "pem.new" }, { "key.new", "pem.new" } };
        int r = read_pair(dir, stem, reader, "key", "pem", take, owner, e);

        for (unsigned i = 0; r < 0 && r != ERR_DENIED && i < ARRAY_LEN(others); i++) {
                if (read_pair(dir, stem, reader, others[i].key, others[i].pem, take, owner, NULL) ==
                        0)
                        r = 0;
        }
        return r;
}

/* --- writing --- */

static int write_file(const char *dir, const char *stem, const char *end, struct bytes content,
        unsigned mode, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s.%s", dir, stem, end);

        return file_write_atomic(path, content, mode, e);
}

static int write_key(const char *dir, const char *stem, const char *end, unsigned mode,
        const struct sign_key *key, struct err *e)
{
        CLEANUP(wiped_buf_done) struct buf pem;

        buf_init_full(&pem, SIGN_PEM_MAX); /* growing would leave a copy behind */
        int r = sign_key_format(key, &pem, e);
        return r < 0 ? r : write_file(dir, stem, end, buf_bytes(&pem), mode, e);
}

int key_files_write_key(
        const char *dir, const char *stem, const struct sign_key *key, struct err *e)
{
        return write_key(dir, stem, "key", 0600, key, e);
}

/* Into its place, durably. */
static int settle(const char *dir, const char *stem, const char *end, struct err *e)
{
        CLEANUP(own_freep) char *from = xasprintf("%s/%s.%s.new", dir, stem, end);
        CLEANUP(own_freep) char *to = xasprintf("%s/%s.%s", dir, stem, end);
        int r = file_rename(from, to, e);

        return r < 0 ? r : file_sync_dir(dir, e);
}

static unsigned key_mode(const char *dir, enum key_files_reader reader)
{
        struct stat st;

        if (reader == KEY_FILES_GROUP && stat(dir, &st) == 0 && (st.st_mode & 077) == 070)
                return 0640;
        return 0600;
}

int key_files_write(const char *dir, const char *stem, enum key_files_reader reader,
        const struct sign_key *key, struct bytes chain_pem, struct err *e)
{
        int r = write_key(dir, stem, "key.new", key_mode(dir, reader), key, e);

        if (r == 0)
                r = write_file(dir, stem, "pem.new", chain_pem, 0644, e);
        if (r == 0)
                r = settle(dir, stem, "key", e);
        if (r == 0)
                r = settle(dir, stem, "pem", e);
        return r < 0 ? err_wrap(e, r, "the new certificate in %s", dir) : 0;
}
