/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's files on a real directory: what is refused, and that a pair that is replaced is whole
 * wherever the process is killed, the power goes or an operation fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/file.h"
#include "power_disk.c"
#include "trust/node_identity.h"
#include "trust/site_ca.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)
#define CA "/ca"
#define NOBODY 65534

static char dir[64]; /* of everything */
static struct site_ca *ca;

/* One key with a certificate; made once, because each costs time. */
struct pair {
        struct sign_key *key;
        struct buf chain;
        uint8_t id[32];
};
static struct pair first, second, third;

static char *in_dir(const char *name)
{
        return xasprintf("%s/%s", dir, name);
}

static void chain_of(
        struct site_ca *from, enum site_ca_issuer which, struct bytes leaf, struct buf *to)
{
        buf_init(to, 65536);
        assert_int_equal(site_ca_chain_pem(from, which, leaf, to, NULL), 0);
}

static void pair_init(struct pair *p, struct site_ca *from, const char *role, const char *name)
{
        CLEANUP(verify_key_freep) struct verify_key *subject = NULL;
        CLEANUP(buf_done) struct buf leaf;
        struct err e = { 0 };

        buf_init(&leaf, X509_CERT_MAX);
        p->key = sign_key_generate();
        sign_key_id(p->key, p->id);
        subject = sign_key_public(p->key);
        if (site_ca_issue_node(from, role, name, NULL, NULL, subject, NOW, 14, &leaf, &e) < 0)
                fail_msg("%s", e.text);
        chain_of(from, SITE_CA_NODES, buf_bytes(&leaf), &p->chain);
}

static void pair_done(struct pair *p)
{
        p->key = sign_key_free(p->key);
        buf_done(&p->chain);
}

/* What enrolment would hand over. Borrows p. */
static void identity(struct node_identity *n, const struct pair *p, struct site_ca *from)
{
        *n = (struct node_identity){ .site = "berlin",
                .role = "recorder",
                .name = "north-1",
                .manager = { .name = "main", .host = "10.0.0.1", .port = 8320 } };
        struct bytes root = site_ca_root(from);
        n->key = p->key;
        n->chain_pem = p->chain;
        n->root_der = (struct buf){ (uint8_t *)(uintptr_t)root.p, root.n, root.n, root.n };
}

static void create(const char *at)
{
        struct node_identity n;
        struct err e = { 0 };

        identity(&n, &first, ca);
        if (node_identity_create(at, &n, &e) < 0)
                fail_msg("%s", e.text);
}

/* A node in a directory of its own; owned. */
static char *made(const char *name)
{
        char *at = xasprintf("%s/%s/recorder", dir, name);

        create(at);
        return at;
}

static void remove_dir(char **at)
{
        *strrchr(*at, '/') = '\0';
        power_disk_remove(*at);
        own_freep(at);
}

static void put(const char *at, const char *name, const char *text, unsigned mode)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", at, name);
        struct err e = { 0 };

        if (file_write_atomic(path, bytes_str(text), mode, &e) < 0)
                fail_msg("%s", e.text);
}

static bool reads_as(const char *at, const struct pair *p)
{
        struct node_identity n;
        uint8_t id[32];
        struct err e = { 0 };

        if (node_identity_read(at, &n, &e) < 0)
                fail_msg("%s", e.text);
        sign_key_id(n.key, id);
        bool same = memcmp(id, p->id, 32) == 0;
        assert_int_equal(same, bytes_equal(buf_bytes(&n.chain_pem), buf_bytes(&p->chain)));
        node_identity_done(&n);
        return same;
}

static void refused(const char *at, int code, const char *said)
{
        struct node_identity n, untouched;
        struct err e = { 0 };

        memset(&untouched, 7, sizeof untouched);
        n = untouched;
        int r = node_identity_read(at, &n, &e);
        if (r != code || !strstr(e.text, said))
                fail_msg("%d, not %d: %s (wanted: %s)", r, code, e.text, said);
        assert_memory_equal(&n, &untouched, sizeof n);
}

/* --- as it should be --- */

static void created_and_read(void **state)
{
        static const struct {
                const char *name;
                unsigned mode;
        } files[] = { { "node.key", 0600 }, { "node.pem", 0644 }, { "root.crt", 0644 },
                { "peers.json", 0644 } };
        char *at = made("created");
        struct node_identity n;
        struct stat st;
        uint8_t id[32];

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
                CLEANUP(own_freep) char *path = xasprintf("%s/%s", at, files[i].name);
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 07777, files[i].mode);
        }
        assert_int_equal(stat(at, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(node_identity_read(at, &n, NULL), 0);
        assert_string_equal(n.site, "berlin");
        assert_string_equal(n.role, "recorder");
        assert_string_equal(n.name, "north-1");
        assert_string_equal(n.manager.name, "main");
        assert_string_equal(n.manager.host, "10.0.0.1");
        assert_int_equal(n.manager.port, 8320);
        assert_true(n.not_before_us == NOW - 3600 * SECOND);
        assert_true(n.not_after_us == NOW + 14 * DAY);
        assert_true(bytes_equal(buf_bytes(&n.root_der), site_ca_root(ca)));
        assert_true(bytes_equal(buf_bytes(&n.issuer_der), site_ca_issuer_cert(ca, SITE_CA_NODES)));
        assert_true(bytes_equal(buf_bytes(&n.chain_pem), buf_bytes(&first.chain)));
        assert_int_equal(n.crls_pem.n, 0);
        sign_key_id(n.key, id);
        assert_memory_equal(id, first.id, 32);
        node_identity_done(&n);
        remove_dir(&at);
}

static void lists_are_kept(void **state)
{
        char *at = made("lists"), list[] = "-----BEGIN X509 CRL-----\n";
        struct node_identity n;

        (void)state;
        assert_int_equal(node_identity_write_crls(at, bytes_str(list), NULL), 0);
        assert_int_equal(node_identity_read(at, &n, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&n.crls_pem), bytes_str(list)));
        node_identity_done(&n);
        assert_int_equal(
                node_identity_write_crls(at, BYTES(list, X509_PEM_MAX + 1), NULL), ERR_EXHAUSTED);
        remove_dir(&at);
}

static void never_made_over(void **state)
{
        char *at = made("twice");
        struct node_identity n;
        struct err e;

        (void)state;
        identity(&n, &second, ca);
        assert_int_equal(node_identity_create(at, &n, &e), ERR_STATE);
        assert_true(reads_as(at, &first));
        remove_dir(&at);
}

/* --- what is refused --- */

static void another_roles_directory(void **state)
{
        CLEANUP(own_freep) char *at = in_dir("gateway");
        struct node_identity n;
        struct err e;

        (void)state;
        identity(&n, &first, ca);
        assert_int_equal(node_identity_create(at, &n, &e), ERR_CORRUPT);
        assert_false(file_exists(at));
        char *good = made("moved");
        CLEANUP(own_freep) char *moved = in_dir("moved/gateway");
        assert_int_equal(rename(good, moved), 0);
        refused(moved, ERR_CORRUPT, "directory of another role");
        own_freep(&good);
        power_disk_remove(moved);
}

static void no_node(void **state)
{
        CLEANUP(own_freep) char *at = in_dir("nothing/recorder");

        (void)state;
        refused(at, ERR_NOT_FOUND, "custos enroll");
}

/* Neither created, nor written over a good one, nor read. */
static void not_taken(const struct pair *p, const char *said)
{
        char *at = made("refused");
        struct node_identity n;
        struct err e = { 0 };
        CLEANUP(own_freep) char *fresh = in_dir("fresh/recorder");

        identity(&n, p, ca);
        assert_true(node_identity_create(fresh, &n, &e) < 0);
        assert_non_null(strstr(e.text, said));
        assert_false(file_exists(fresh));
        if (node_identity_write(at, p->key, buf_bytes(&p->chain), &e) >= 0 || !strstr(e.text, said))
                fail_msg("%s (wanted: %s)", e.text, said);
        assert_true(reads_as(at, &first));
        CLEANUP(own_freep) char *text = xasprintf("%.*s", (int)p->chain.n, (char *)p->chain.p);
        CLEANUP(buf_done) struct buf key;
        buf_init(&key, SIGN_PEM_MAX);
        assert_int_equal(sign_key_format(p->key, &key, NULL), 0);
        assert_int_equal(buf_append(&key, BYTES("", 1), NULL), 0);
        put(at, "node.key", (char *)key.p, 0600);
        put(at, "node.pem", text, 0644);
        refused(at, ERR_CORRUPT, said);
        remove_dir(&at);
}

static void what_is_not_this_nodes(void **state)
{
        struct pair p = { 0 };
        struct site_ca *other = NULL;
        CLEANUP(own_freep) char *other_dir = in_dir("other-ca");
        CLEANUP(buf_done) struct buf leaf;
        static const char *const dns[] = { "north-1", NULL };

        (void)state;
        /* another's key */
        pair_init(&p, ca, "recorder", "north-1");
        p.key = sign_key_free(p.key);
        p.key = sign_key_generate();
        not_taken(&p, "not the certificate's");
        pair_done(&p);
        /* another name, another role */
        pair_init(&p, ca, "recorder", "north-2");
        not_taken(&p, "custos://berlin/recorder/north-2");
        pair_done(&p);
        pair_init(&p, ca, "gateway", "north-1");
        not_taken(&p, "custos://berlin/gateway/north-1");
        pair_done(&p);
        /* the same names of another site of the same name */
        assert_int_equal(site_ca_create(other_dir, "berlin", NOW, &other, NULL), 0);
        pair_init(&p, other, "recorder", "north-1");
        not_taken(&p, "");
        pair_done(&p);
        site_ca_free(other);
        power_disk_remove(other_dir);
        /* of another issuer of the site */
        buf_init(&leaf, X509_CERT_MAX);
        p.key = sign_key_generate();
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(p.key);
        assert_int_equal(
                site_ca_issue_camera(ca, "north-1", dns, NULL, subject, NOW, 14, &leaf, NULL), 0);
        chain_of(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), &p.chain);
        not_taken(&p, "not the site's issuer for nodes");
        /* the cameras' leaf under the nodes' issuer */
        buf_done(&p.chain);
        chain_of(ca, SITE_CA_NODES, buf_bytes(&leaf), &p.chain);
        not_taken(&p, "not one of a node");
        pair_done(&p);
        /* a certificate too many */
        pair_init(&p, ca, "recorder", "north-1");
        assert_int_equal(x509_pem_format(site_ca_root(ca), &p.chain, NULL), 0);
        not_taken(&p, "more than a leaf and its issuer");
        pair_done(&p);
        /* none */
        pair_init(&p, ca, "recorder", "north-1");
        p.chain.n = 0;
        not_taken(&p, "no certificate number 1");
        pair_done(&p);
}

static void files_that_are_broken(void **state)
{
        static const char *const names[] = { "node.key", "node.pem", "root.crt", "peers.json" };

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
                char *at = made("broken");
                CLEANUP(own_freep) char *path = xasprintf("%s/%s", at, names[i]);
                put(at, names[i], "x", 0600);
                refused(at, ERR_CORRUPT, names[i]);
                assert_int_equal(unlink(path), 0);
                refused(at, ERR_NOT_FOUND, names[i]);
                remove_dir(&at);
        }
}

static void links_are_not_followed(void **state)
{
        static const char *const names[] = { "node.key", "node.pem", "root.crt", "peers.json" };

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
                char *at = made("links");
                CLEANUP(own_freep) char *path = xasprintf("%s/%s", at, names[i]);
                CLEANUP(own_freep) char *real = in_dir("links/real");
                assert_int_equal(rename(path, real), 0);
                assert_int_equal(symlink(real, path), 0);
                refused(at, ERR_DENIED, "symbolic link");
                remove_dir(&at);
        }
}

/* --- who may read the key --- */

static void a_key_that_others_may_read(void **state)
{
        static const unsigned modes[] = { 0644, 0640, 0604, 0620, 0601, 0666 };
        char *at = made("open"), mode[32];
        CLEANUP(own_freep) char *path = xasprintf("%s/node.key", at);
        CLEANUP(own_freep) char *fix = xasprintf("Fix: chmod 600 %s", path);

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
                assert_int_equal(chmod(path, modes[i]), 0);
                snprintf(mode, sizeof mode, "mode %04o", modes[i]);
                refused(at, ERR_DENIED, path);
                refused(at, ERR_DENIED, mode);
                refused(at, ERR_DENIED, "owner ");
                refused(at, ERR_DENIED, fix);
        }
        assert_int_equal(chmod(path, 0600), 0);
        assert_true(reads_as(at, &first));
        remove_dir(&at);
}

/* In a child that is user nobody: the error's text, by a pipe. */
static void text_as_nobody(const char *at, char *to, size_t room)
{
        struct node_identity n;
        struct err e = { 0 };
        int pipe_fds[2], status = 0;

        assert_int_equal(pipe(pipe_fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
                        _exit(2);
                int r = node_identity_read(at, &n, &e);
                size_t len = r < 0 ? strlen(e.text) : 0;
                _exit(r == ERR_DENIED && write(pipe_fds[1], e.text, len) == (ssize_t)len ? 0 : 1);
        }
        close(pipe_fds[1]);
        ssize_t got = read(pipe_fds[0], to, room - 1);
        close(pipe_fds[0]);
        to[got > 0 ? got : 0] = '\0';
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void a_key_of_another_user(void **state)
{
        char text[ERR_TEXT_BYTES + 1];

        (void)state;
        if (geteuid() != 0)
                skip(); /* only root can give files away */
        char *at = made("owner");
        CLEANUP(own_freep) char *path = xasprintf("%s/node.key", at);
        CLEANUP(own_freep) char *above = in_dir("owner");
        /* the classic failed installation: made by root, read by a service */
        assert_int_equal(chmod(at, 0755), 0);
        assert_int_equal(chmod(above, 0755), 0);
        assert_int_equal(chmod(dir, 0755), 0);
        text_as_nobody(at, text, sizeof text);
        CLEANUP(own_freep)
        char *said = xasprintf("Cannot read %s as user nobody (mode 0600, owner root). "
                               "Fix: chown nobody %s",
                path, path);
        assert_string_equal(text, said);
        /* behind a closed directory */
        assert_int_equal(chmod(at, 0700), 0);
        text_as_nobody(at, text, sizeof text);
        assert_non_null(strstr(text, "peers.json"));
        assert_int_equal(chmod(dir, 0700), 0);
        /* and the other way: root could read it, and whose it is could change it */
        assert_int_equal(chown(path, NOBODY, (gid_t)-1), 0);
        refused(at, ERR_DENIED, "owner nobody, mode 0600");
        CLEANUP(own_freep) char *fix = xasprintf("Fix: chown root %s", path);
        refused(at, ERR_DENIED, fix);
        remove_dir(&at);
}

/* --- replacing the pair --- */

static void replaced(void **state)
{
        char *at = made("replaced");
        struct err e = { 0 };
        struct stat st;

        (void)state;
        if (node_identity_write(at, second.key, buf_bytes(&second.chain), &e) < 0)
                fail_msg("%s", e.text);
        assert_true(reads_as(at, &second));
        CLEANUP(own_freep) char *path = xasprintf("%s/node.key", at);
        CLEANUP(own_freep) char *left = xasprintf("%s/node.key.new", at);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_false(file_exists(left));
        remove_dir(&at);
}

/* The operations of a process that is killed before the one with this number. */
static int lives;

static void step(void)
{
        if (lives-- == 0)
                raise(SIGKILL);
}

static int dying_create_unique(char *path)
{
        step();
        return file_ops_kernel.create_unique(path);
}

static int dying_rename(const char *from, const char *to)
{
        step();
        return file_ops_kernel.rename(from, to);
}

static ssize_t dying_pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
        step();
        return file_ops_kernel.pwritev(fd, iov, n, at);
}

static int dying_fsync(int fd)
{
        step();
        return file_ops_kernel.fsync(fd);
}

/* True where it lived long enough to finish. */
static bool write_until(const char *at, const struct pair *p, int k)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                struct file_ops ops = file_ops_kernel;
                ops.create_unique = dying_create_unique;
                ops.rename = dying_rename;
                ops.pwritev = dying_pwritev;
                ops.fsync = dying_fsync;
                file_ops = &ops;
                lives = k;
                _exit(node_identity_write(at, p->key, buf_bytes(&p->chain), NULL) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status)) {
                assert_int_equal(WTERMSIG(status), SIGKILL);
                return false;
        }
        assert_int_equal(status, 0);
        return true;
}

/* A replacement is killed before its step k, the next before its step j (-1: not at all). What was
 * read between. */
static const struct pair *killed(int k, int j, bool *ret_fell_back, bool *ret_done)
{
        char *at = made("killed");
        CLEANUP(own_freep) char *left = xasprintf("%s/node.pem.new", at);
        bool done = write_until(at, &second, k);
        const struct pair *between = reads_as(at, &second) ? &second : &first;

        assert_true(between == &second || reads_as(at, &first));
        assert_true(between == &second || !done);
        *ret_fell_back = between == &second && file_exists(left);
        if (j >= 0) {
                done = write_until(at, &third, j);
                assert_true(reads_as(at, &third) || (!done && reads_as(at, between)));
        }
        assert_int_equal(node_identity_write(at, third.key, buf_bytes(&third.chain), NULL), 0);
        assert_true(reads_as(at, &third));
        *ret_done = done;
        remove_dir(&at);
        return between;
}

static void killed_at_every_step(void **state)
{
        int steps = 0, between_renames = -1;
        bool done = false, fell_back;

        (void)state;
        for (; !done; steps++) {
                (void)killed(steps, -1, &fell_back, &done);
                if (fell_back)
                        between_renames = steps;
        }
        assert_true(steps >= 15);
        /* From the one state in which the certificate counts that is not in its place. */
        assert_true(between_renames > 0);
        done = false;
        for (int j = 0; !done; j++) {
                assert_ptr_equal(killed(between_renames, j, &fell_back, &done), &second);
                assert_true(fell_back);
        }
}

/* The power goes at every operation; what was not synced is lost or not. */
static void power_cut_at_every_step(void **state)
{
        char *at = made("power");
        CLEANUP(own_freep) char *root = in_dir("power");
        CLEANUP(own_freep) char *to = in_dir("cut");
        CLEANUP(own_freep) char *found = in_dir("cut/recorder");
        bool old_seen = false;

        (void)state;
        power_disk_start(root);
        assert_int_equal(node_identity_write(at, second.key, buf_bytes(&second.chain), NULL), 0);
        unsigned n = power_disk_count();
        assert_true(n >= 14);
        for (unsigned k = 0; k <= n; k++) {
                for (uint64_t seed = 0; seed < 4; seed++) {
                        power_disk_cut(k, seed, to);
                        if (!reads_as(found, &second)) {
                                assert_true(reads_as(found, &first));
                                assert_true(k < n);
                                old_seen = true;
                        }
                        power_disk_remove(to);
                }
        }
        assert_true(old_seen);
        power_disk_stop();
        remove_dir(&at);
}

static void failed_at_every_step(void **state)
{
        static const enum power_disk_fault faults[] = { POWER_DISK_EIO, POWER_DISK_SHORT };
        CLEANUP(own_freep) char *root = in_dir("failing");

        (void)state;
        for (unsigned f = 0; f < ARRAY_LEN(faults); f++) {
                bool done = false;
                for (unsigned k = 0; !done; k++) {
                        char *at = made("failing");
                        struct err e = { 0 };
                        power_disk_start(root);
                        power_disk_fail(k, faults[f]);
                        int r = node_identity_write(at, second.key, buf_bytes(&second.chain), &e);
                        done = power_disk_count() <= k;
                        power_disk_stop();
                        if (r == 0)
                                assert_true(reads_as(at, &second));
                        else if (!reads_as(at, &second))
                                assert_true(reads_as(at, &first));
                        if (r < 0)
                                assert_true(strstr(e.text, "the new certificate in ") == e.text);
                        assert_int_equal(
                                node_identity_write(at, third.key, buf_bytes(&third.chain), NULL),
                                0);
                        assert_true(reads_as(at, &third));
                        remove_dir(&at);
                }
        }
}

/* Half a directory is no node: enrolling goes on from there. */
static void creation_cut_at_every_step(void **state)
{
        CLEANUP(own_freep) char *root = in_dir("birth");
        CLEANUP(own_freep) char *at = in_dir("birth/recorder");
        CLEANUP(own_freep) char *to = in_dir("cut");
        CLEANUP(own_freep) char *found = in_dir("cut/recorder");
        unsigned whole = 0, none = 0;
        struct node_identity n;

        (void)state;
        assert_int_equal(mkdir(root, 0700), 0);
        power_disk_start(root);
        create(at);
        unsigned ops = power_disk_count();
        for (unsigned k = 0; k <= ops; k++) {
                power_disk_cut(k, k, to);
                int r = node_identity_read(found, &n, NULL);
                if (r == 0) {
                        node_identity_done(&n);
                        whole++;
                } else {
                        assert_int_equal(r, ERR_NOT_FOUND);
                        assert_true(k < ops);
                        none++;
                        create(found);
                        assert_true(reads_as(found, &first));
                }
                power_disk_remove(to);
        }
        assert_true(whole >= 1 && none >= 10);
        power_disk_stop();
        power_disk_remove(root);
}

static int setup(void **state)
{
        CLEANUP(own_freep) char *path = NULL;

        (void)state;
        snprintf(dir, sizeof dir, "%s/custos-node-XXXXXX",
                access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(dir))
                return -1;
        path = in_dir("ca");
        if (site_ca_create(path, "berlin", NOW, &ca, NULL) < 0)
                return -1;
        pair_init(&first, ca, "recorder", "north-1");
        pair_init(&second, ca, "recorder", "north-1");
        pair_init(&third, ca, "recorder", "north-1");
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        pair_done(&first);
        pair_done(&second);
        pair_done(&third);
        site_ca_free(ca);
        power_disk_remove(dir);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(created_and_read),
                cmocka_unit_test(lists_are_kept),
                cmocka_unit_test(never_made_over),
                cmocka_unit_test(another_roles_directory),
                cmocka_unit_test(no_node),
                cmocka_unit_test(what_is_not_this_nodes),
                cmocka_unit_test(files_that_are_broken),
                cmocka_unit_test(links_are_not_followed),
                cmocka_unit_test(a_key_that_others_may_read),
                cmocka_unit_test(a_key_of_another_user),
                cmocka_unit_test(replaced),
                cmocka_unit_test(killed_at_every_step),
                cmocka_unit_test(power_cut_at_every_step),
                cmocka_unit_test(failed_at_every_step),
                cmocka_unit_test(creation_cut_at_every_step),
        };

        umask(077);
        return cmocka_run_group_tests(tests, setup, teardown);
}
