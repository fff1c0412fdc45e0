/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "os/file.h"

#define VOLUME_FILE_MAX 4096
#define VOLUME_LIST_MAX_BYTES (256u << 10)
#define VOLUME_ID_BYTES 16
#define VOLUME_ID_ROOM (2 * VOLUME_ID_BYTES + 1)
#define VOLUME_WEIGHT 100
#define VOLUME_WEIGHT_MAX 1000
/* What a claim that was interrupted leaves behind (file_write_atomic). */
#define VOLUME_FILE_TEMPORARY VOLUME_FILE ".??????"

static void volume_json_freep(json_t **j)
{
        json_decref(*j);
}

enum fault volume_fault(int os_errno)
{
        switch (os_errno) {
        case ENOENT:
        case ENOTDIR:
        case ENODEV:
        case ENXIO:
        case ENOMEDIUM:
        case ENOTCONN:
        case ESTALE:
                return FAULT_VOLUME_MISSING;
        case EACCES:
        case EPERM:
                return FAULT_VOLUME_DENIED;
        case EROFS:
                return FAULT_VOLUME_READ_ONLY;
        case ENOSPC:
        case EDQUOT:
                return FAULT_VOLUME_FULL;
        case EIO:
        case EREMOTEIO:
        case EUCLEAN:
        case EBADMSG:
        case ETIMEDOUT:
                return FAULT_VOLUME_IO_ERROR;
        default:
                return FAULT_NONE;
        }
}

/* The same error, with its row of the table. */
static int volume_failed(struct err *e, const struct err *why)
{
        enum fault f = volume_fault(why->os_errno);

        if (e) {
                *e = *why;
                e->fault = f;
        }
        return why->code;
}

bool volume_is_name(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n < VOLUME_NAME_MAX && s[0] != '-' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool volume_is_text(const char *s)
{
        for (; *s; s++) {
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        }
        return true;
}

/* Members of JSON objects */

static int volume_get_text(
        const json_t *object, const char *member, char *to, size_t room, struct err *e)
{
        const json_t *value = json_object_get(object, member);
        const char *text = json_string_value(value);

        if (!text || json_string_length(value) != strlen(text) || strlen(text) >= room ||
                !volume_is_text(text))
                return err_set(e, ERR_CORRUPT, "\"%s\" is missing, too long or no text", member);
        snprintf(to, room, "%s", text);
        return 0;
}

static int volume_get_id(
        const json_t *object, const char *member, uint8_t to[static VOLUME_ID_BYTES], struct err *e)
{
        const char *text = json_string_value(json_object_get(object, member));

        if (!text || str_unhex(to, VOLUME_ID_BYTES, text, NULL) < 0)
                return err_set(e, ERR_CORRUPT, "\"%s\" is not 32 hex digits", member);
        return 0;
}

static int volume_get_number(const json_t *object, const char *member, json_int_t min,
        json_int_t max, json_int_t *to, struct err *e)
{
        const json_t *value = json_object_get(object, member);

        if (!json_is_integer(value) || json_integer_value(value) < min ||
                json_integer_value(value) > max)
                return err_set(e, ERR_CORRUPT, "\"%s\" is not a number from %lld to %lld", member,
                        (long long)min, (long long)max);
        *to = json_integer_value(value);
        return 0;
}

/* An object of exactly so many members, of version 1. */
static int volume_load(
        struct bytes text, const char *what, size_t members, json_t **ret, struct err *e)
{
        json_error_t why;
        json_int_t version;
        CLEANUP(volume_json_freep)
        json_t *object = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);

        if (!json_is_object(object))
                return err_set(e, ERR_CORRUPT, "%s is not JSON as a volume has it", what);
        int r = volume_get_number(object, "version", 1, 1, &version, e);
        if (r == 0 && json_object_size(object) != members)
                r = err_set(e, ERR_CORRUPT, "it has %zu members, not %zu", json_object_size(object),
                        members);
        if (r < 0)
                return err_wrap(e, r, "%s", what);
        *ret = TAKE(object);
        return 0;
}

static int volume_dump(json_t *object, struct buf *out, struct err *e)
{
        CLEANUP(own_freep) char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;

        if (!text)
                return err_set(e, ERR_INTERNAL, "cannot make JSON");
        return buf_printf(out, e, "%s\n", text) < 0 ? ERR_EXHAUSTED : 0;
}

/* Identity */

int volume_identity_parse(struct bytes text, struct volume_identity *ret, struct err *e)
{
        CLEANUP(volume_json_freep) json_t *object = NULL;
        struct volume_identity v = { 0 };

        if (text.n > VOLUME_FILE_MAX)
                return err_set(
                        e, ERR_CORRUPT, "%s has more than %d bytes", VOLUME_FILE, VOLUME_FILE_MAX);
        int r = volume_load(text, VOLUME_FILE, 5, &object, e);
        if (r < 0)
                return r;
        r = volume_get_text(object, "name", v.name, sizeof v.name, e);
        if (r == 0 && !volume_is_name(v.name))
                r = err_set(e, ERR_CORRUPT, "\"name\" is not of a-z, 0-9 and -");
        if (r == 0)
                r = volume_get_text(object, "recorder", v.recorder, sizeof v.recorder, e);
        if (r == 0)
                r = volume_get_id(object, "id", v.id, e);
        if (r == 0)
                r = volume_get_id(object, "session", v.session, e);
        if (r < 0)
                return err_wrap(e, r, "%s", VOLUME_FILE);
        *ret = v;
        return 0;
}

int volume_identity_format(const struct volume_identity *v, struct buf *out, struct err *e)
{
        char id[VOLUME_ID_ROOM], session[VOLUME_ID_ROOM];

        if (!volume_is_name(v->name) || !volume_is_text(v->recorder))
                return err_set(e, ERR_INVALID,
                        "a volume's name is 1 to %d characters of a-z, 0-9 and -, not \"%s\"",
                        VOLUME_NAME_MAX - 1, v->name);
        CLEANUP(volume_json_freep)
        json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:s}", "version", 1, "name", v->name, "id",
                str_hex(id, BYTES(v->id, sizeof v->id)), "recorder", v->recorder, "session",
                str_hex(session, BYTES(v->session, sizeof v->session)));
        return volume_dump(object, out, e);
}

int volume_identity_write(const char *path, const struct volume_identity *v, struct err *e)
{
        char file[VOLUME_PATH_MAX + 32];
        CLEANUP(buf_done) struct buf text;
        struct err why;

        buf_init(&text, VOLUME_FILE_MAX);
        int r = volume_identity_format(v, &text, e);
        if (r < 0)
                return r;
        snprintf(file, sizeof file, "%s/%s", path, VOLUME_FILE);
        r = file_write_atomic(file, buf_bytes(&text), 0600, &why);
        return r < 0 ? volume_failed(e, &why) : 0;
}

int volume_read(const char *path, struct volume_identity *ret, struct err *e)
{
        char file[VOLUME_PATH_MAX + 32];
        CLEANUP(buf_done) struct buf text;
        struct err why;

        snprintf(file, sizeof file, "%s/%s", path, VOLUME_FILE);
        buf_init(&text, VOLUME_FILE_MAX);
        int r = file_read(file, VOLUME_FILE_MAX, &text, &why);
        if (r < 0 && volume_fault(why.os_errno) != FAULT_NONE)
                return volume_failed(e, &why);
        if (r >= 0)
                r = volume_identity_parse(buf_bytes(&text), ret, &why);
        if (r < 0)
                return err_fault(e, r, FAULT_VOLUME_FOREIGN, "%s: %s", path, why.text);
        return 0;
}

/* Claiming */

static int volume_make_dir(const char *path, struct err *e)
{
        CLEANUP(own_freep) char *parent = xstrdup(path);
        char *slash = strrchr(parent, '/');

        if (mkdir(path, 0700) < 0)
                return errno == EEXIST ? 0
                                       : err_os(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
                                                 "cannot make the directory %s", path);
        if (!slash)
                return file_sync_dir(".", e);
        slash[slash == parent] = '\0';
        return file_sync_dir(parent, e);
}

/* Nothing but lost+found is there; what an interrupted claim left is removed. */
static int volume_check_empty(const char *path, struct err *e)
{
        DIR *dir = opendir(path);
        int r = 0;

        if (!dir)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        for (const struct dirent *d; r == 0 && (d = readdir(dir));) {
                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
                        strcmp(d->d_name, "lost+found") == 0)
                        continue;
                if (strcmp(d->d_name, VOLUME_FILE) == 0)
                        r = err_set(e, ERR_STATE, "%s is a volume already", path);
                else if (fnmatch(VOLUME_FILE_TEMPORARY, d->d_name, 0) != 0)
                        r = err_fault(e, ERR_STATE, FAULT_VOLUME_FOREIGN,
                                "%s is not empty; a volume begins in an empty directory", path);
                else if (unlinkat(dirfd(dir), d->d_name, 0) < 0)
                        r = err_os(e, ERR_IO, errno, "cannot remove %s", d->d_name);
        }
        closedir(dir);
        return r;
}

int volume_claim(const char *path, const char *name, const char *recorder,
        struct volume_identity *ret, struct err *e)
{
        struct volume_identity v = { 0 };
        struct err why;

        if (!volume_is_name(name) || strlen(recorder) >= sizeof v.recorder ||
                strlen(path) >= VOLUME_PATH_MAX)
                return err_set(e, ERR_INVALID,
                        "\"%.40s\" at %.200s cannot be a volume's name and path", name, path);
        snprintf(v.name, sizeof v.name, "%s", name);
        snprintf(v.recorder, sizeof v.recorder, "%s", recorder);
        random_bytes(v.id, sizeof v.id);
        random_bytes(v.session, sizeof v.session);
        int r = volume_make_dir(path, &why);
        if (r == 0)
                r = volume_check_empty(path, &why);
        if (r < 0 && why.os_errno)
                return volume_failed(e, &why);
        if (r < 0)
                return err_fault(e, r, why.fault, "%s", why.text);
        /* Not every file system has modes, and whoever gave us the directory may have wanted its
         * own. */
        (void)chmod(path, 0700);
        r = volume_identity_write(path, &v, e);
        if (r == 0)
                *ret = v;
        return r;
}

/* The recorder's list */

static int volume_entry_parse(const json_t *object, struct volume_entry *ret, struct err *e)
{
        struct volume_entry v = { 0 };
        json_int_t number = 0, weight = 0;

        int r = volume_get_number(object, "number", 0, UINT32_MAX, &number, e);
        if (r == 0)
                r = volume_get_number(object, "weight", 1, VOLUME_WEIGHT_MAX, &weight, e);
        if (r == 0)
                r = volume_get_text(object, "name", v.name, sizeof v.name, e);
        if (r == 0)
                r = volume_get_text(object, "path", v.path, sizeof v.path, e);
        if (r == 0)
                r = volume_get_id(object, "id", v.id, e);
        if (r == 0)
                r = volume_get_id(object, "session", v.session, e);
        if (r == 0)
                r = volume_get_id(object, "coming", v.coming, e);
        if (r == 0 && (!volume_is_name(v.name) || v.path[0] != '/' ||
                              !json_is_boolean(json_object_get(object, "retired"))))
                r = err_set(e, ERR_CORRUPT, "a volume's name, path or \"retired\" is malformed");
        if (r < 0)
                return r;
        v.number = (uint32_t)number;
        v.weight = (unsigned)weight;
        v.retired = json_is_true(json_object_get(object, "retired"));
        *ret = v;
        return 0;
}

static bool volume_list_has(const struct volume_list *l, const struct volume_entry *v)
{
        for (unsigned i = 0; i < l->n; i++) {
                if (l->entries[i].number == v->number || strcmp(l->entries[i].name, v->name) == 0)
                        return true;
        }
        return false;
}

static int volume_list_parse(struct bytes text, struct volume_list *ret, struct err *e)
{
        CLEANUP(volume_json_freep) json_t *object = NULL;

        int r = volume_load(text, "volumes.json", 2, &object, e);
        const json_t *list = object ? json_object_get(object, "volumes") : NULL;
        if (r < 0)
                return r;
        if (!json_is_array(list) || json_array_size(list) > VOLUME_MAX)
                return err_set(e, ERR_CORRUPT, "volumes.json has no list of at most %d volumes",
                        VOLUME_MAX);
        ret->n = 0;
        for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
                struct volume_entry v = { 0 };
                r = volume_entry_parse(json_array_get(list, i), &v, e);
                if (r == 0 && volume_list_has(ret, &v))
                        r = err_set(e, ERR_CORRUPT, "volume %s stands there twice", v.name);
                if (r == 0)
                        ret->entries[ret->n++] = v;
        }
        return r < 0 ? err_wrap(e, r, "volumes.json") : 0;
}

static void volume_list_path(char *to, size_t room, const char *state)
{
        snprintf(to, room, "%.4000s/storage/volumes.json", state);
}

/* Before any other was added: <state>/vault. */
static int volume_list_main(const char *state, struct volume_list *ret, struct err *e)
{
        CLEANUP(own_freep) char *absolute = realpath(state, NULL);
        struct volume_entry *v = &ret->entries[0];

        if (!absolute)
                return err_os(e, ERR_IO, errno, "cannot find %s", state);
        int n = snprintf(v->path, sizeof v->path, "%s/vault", absolute);
        if (n < 0 || (size_t)n >= sizeof v->path)
                return err_set(e, ERR_INVALID, "%s/vault has more than %d characters", absolute,
                        VOLUME_PATH_MAX - 1);
        snprintf(v->name, sizeof v->name, "main");
        v->weight = VOLUME_WEIGHT;
        ret->n = 1;
        return 0;
}

int volume_list_read(const char *state, struct volume_list *ret, struct err *e)
{
        char path[4096];
        CLEANUP(own_freep) struct volume_list *l = xcalloc(1, sizeof *l);
        CLEANUP(buf_done) struct buf text;
        struct err why;

        volume_list_path(path, sizeof path, state);
        buf_init(&text, VOLUME_LIST_MAX_BYTES);
        int r = file_read(path, VOLUME_LIST_MAX_BYTES, &text, &why);
        if (r == ERR_NOT_FOUND)
                r = volume_list_main(state, l, e);
        else if (r < 0)
                return err_set(e, r, "%s", why.text);
        else
                r = volume_list_parse(buf_bytes(&text), l, e);
        if (r < 0)
                return err_wrap(e, r, "%s", path);
        *ret = *l;
        return 0;
}

static json_t *volume_entry_json(const struct volume_entry *v)
{
        char id[VOLUME_ID_ROOM], session[VOLUME_ID_ROOM], coming[VOLUME_ID_ROOM];

        return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:i, s:b}", "number",
                (json_int_t)v->number, "name", v->name, "path", v->path, "id",
                str_hex(id, BYTES(v->id, sizeof v->id)), "session",
                str_hex(session, BYTES(v->session, sizeof v->session)), "coming",
                str_hex(coming, BYTES(v->coming, sizeof v->coming)), "weight", (int)v->weight,
                "retired", v->retired);
}

int volume_list_write(const char *state, const struct volume_list *l, struct err *e)
{
        CLEANUP(volume_json_freep)
        json_t *object = json_pack("{s:i, s:[]}", "version", 1, "volumes");
        CLEANUP(buf_done) struct buf text;
        char path[4096], dir[4096];

        buf_init(&text, VOLUME_LIST_MAX_BYTES);
        for (unsigned i = 0; object && i < l->n; i++) {
                json_t *v = volume_entry_json(&l->entries[i]);
                if (!v || json_array_append_new(json_object_get(object, "volumes"), v) < 0)
                        return err_set(e, ERR_INTERNAL, "volumes.json: cannot make JSON");
        }
        int r = volume_dump(object, &text, e);
        volume_list_path(path, sizeof path, state);
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
        if (r == 0)
                r = file_make_dirs(dir, 0700, e);
        if (r == 0)
                r = file_write_atomic(path, buf_bytes(&text), 0600, e);
        return r;
}

const struct volume_entry *volume_list_find(const struct volume_list *l, uint32_t number)
{
        for (unsigned i = 0; i < l->n; i++) {
                if (l->entries[i].number == number)
                        return &l->entries[i];
        }
        return NULL;
}

static bool volume_same(
        const uint8_t a[static VOLUME_ID_BYTES], const uint8_t b[static VOLUME_ID_BYTES])
{
        return memcmp(a, b, VOLUME_ID_BYTES) == 0;
}

enum fault volume_judge(const struct volume_list *l, const struct volume_entry *entry,
        const struct volume_identity *found)
{
        static const uint8_t none[VOLUME_ID_BYTES];

        if (volume_same(entry->id, none)) /* claimed, and the end of that was not noted */
                return strcmp(entry->name, found->name) == 0 ? FAULT_NONE : FAULT_VOLUME_FOREIGN;
        if (!volume_same(entry->id, found->id)) {
                for (unsigned i = 0; i < l->n; i++) {
                        if (volume_same(l->entries[i].id, found->id))
                                return FAULT_VOLUME_SWAPPED;
                }
                return FAULT_VOLUME_FOREIGN;
        }
        if (volume_same(entry->session, found->session))
                return FAULT_NONE;
        return !volume_same(entry->coming, none) && volume_same(entry->coming, found->session)
                       ? FAULT_NONE
                       : FAULT_VOLUME_STALE;
}

#define VOLUME_SEGMENT_ROOM (32u << 20)
#define VOLUME_SEGMENT_ROOM_PART 128

uint64_t volume_segment_room(uint64_t total_bytes)
{
        uint64_t part = total_bytes / VOLUME_SEGMENT_ROOM_PART;

        return part < VOLUME_SEGMENT_ROOM ? part : VOLUME_SEGMENT_ROOM;
}
