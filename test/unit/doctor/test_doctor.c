/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each check of custos doctor by a state directory and a /proc of the test's own: all is well, one
 * thing is broken at a time, and its row alone says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "os/file.h"
#include "trust/audit_line.h"

#define WELL                                                                                       \
        "[{\"name\": \"main\", \"state\": \"connected\", \"status\": {\"streams\": ["              \
        "{\"stream\": \"cam-main\", \"state\": \"streaming\","                                     \
        " \"protection\": \"%s\", \"transport\": \"%s\"}]}},"                                      \
        " {\"name\": \"lab\", \"state\": \"%s\", \"since\": \"2026\", \"status\": %s}]"
#define DISKS                                                                                      \
        "{\"main\": {\"volumes\": [{\"name\": \"vault\", \"state\": \"%s\", \"damaged\": %d,"      \
        " \"text\": \"it is\", \"remedy\": \"mend it\"}]}}"
#define CHECKS_MAX 64

static char state[64], proc[80], path[400];
static json_t *recorders, *storage, *certificates, *people, *key_store;

static const char *at(const char *dir, const char *name)
{
        snprintf(path, sizeof path, "%s/%s", dir, name);
        return path;
}

static void put(const char *dir, const char *name, unsigned mode, struct bytes content)
{
        unlink(at(dir, name));
        assert_int_equal(file_write_atomic(path, content, mode, NULL), 0);
        assert_int_equal(chmod(path, mode), 0);
}

static void put_text(const char *dir, const char *name, unsigned mode, const char *text)
{
        put(dir, name, mode, bytes_str(text));
}

static void make_dir(const char *dir, const char *name)
{
        assert_int_equal(file_make_dirs(at(dir, name), 0700, NULL), 0);
}

/* As the kernel has it, of what a role is when all is well. */
struct shape {
        unsigned seccomp, no_new_privs, capabilities;
        const char *core;
        unsigned uid_off; /* 0: its files belong to its user */
        unsigned parent;
};
static const struct shape good = { 2, 1, 0, "0", 1, 1 };

static void make_process(unsigned pid, const char *role, const char *of, const struct shape *s)
{
        char name[64], text[400];

        snprintf(name, sizeof name, "%u", pid);
        make_dir(proc, name);
        snprintf(name, sizeof name, "%u/fd", pid);
        make_dir(proc, name);
        snprintf(name, sizeof name, "%u/net", pid);
        make_dir(proc, name);
        size_t n = (size_t)snprintf(text, sizeof text, "custos%c%s%c--state%c%s%c--role%c%s", 0,
                role, 0, 0, state, 0, 0, of);
        snprintf(name, sizeof name, "%u/cmdline", pid);
        put(proc, name, 0444, BYTES(text, n + 1));
        snprintf(text, sizeof text,
                "Name:\tcustos\nPPid:\t%u\nUid:\t%u\t0\t0\t0\nCapPrm:\t%016x\nCapEff:\t%016x\n"
                "NoNewPrivs:\t%u\nSeccomp:\t%u\nSeccomp_filters:\t1\n",
                s->parent, geteuid() + s->uid_off, s->capabilities, s->capabilities,
                s->no_new_privs, s->seccomp);
        snprintf(name, sizeof name, "%u/status", pid);
        put_text(proc, name, 0444, text);
        snprintf(text, sizeof text,
                "Limit Soft Hard Units\nMax core file size        %s   %s  bytes\n", s->core,
                s->core);
        snprintf(name, sizeof name, "%u/limits", pid);
        put_text(proc, name, 0444, text);
        snprintf(name, sizeof name, "%u/environ", pid);
        put_text(proc, name, 0444, "");
        snprintf(name, sizeof name, "%u/net/tcp", pid);
        put_text(proc, name, 0444,
                "  sl  local_address rem_address   st\n"
                "   0: 0100007F:2080 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0\n"
                "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0\n"
                "   2: 0100007F:1234 0100007F:2080 01 00000000:00000000 00:00000000 00000000     0        0 79 1 0\n");
}

static void make_socket(unsigned pid, const char *fd, const char *inode)
{
        char name[64];

        snprintf(name, sizeof name, "%u/fd/%s", pid, fd);
        unlink(at(proc, name));
        assert_int_equal(symlink(inode, path), 0);
}

static void say(const char *protection, const char *transport, const char *lab, const char *more,
        const char *disk, int damaged)
{
        char text[1200];

        json_decref(recorders);
        json_decref(storage);
        json_decref(certificates);
        json_decref(people);
        certificates = json_pack("[{s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:f, s:s}]", "what",
                "camera", "subject", "cam-main", "not_after", "2027", "warning", "", "what", "web",
                "subject", "gateway/main", "not_after", "2028", "days_left", 12.5, "warning", "");
        json_decref(key_store);
        key_store = json_pack("{s:s, s:s}", "store", "tpm2", "error", "");
        people = json_pack("{s:i, s:i, s:n}", "administrators", 1, "people", 2, "code");
        snprintf(text, sizeof text, WELL, protection, transport, lab, more);
        recorders = json_loads(text, 0, NULL);
        snprintf(text, sizeof text, DISKS, disk, damaged);
        storage = json_loads(text, 0, NULL);
        assert_non_null(recorders);
        assert_non_null(storage);
}

static void make_logs(void)
{
        CLEANUP(buf_done) struct buf log;
        struct audit_line_chain chain = { 0 };

        buf_init(&log, 65536);
        for (unsigned i = 0; i < 3; i++) {
                json_t *fields = json_pack("{s:s}", "camera", "cam");
                assert_int_equal(
                        audit_line_format(&chain, 1, "camera.added", fields, &log, NULL), 0);
                json_decref(fields);
        }
        put(state, "audit.log", 0600, buf_bytes(&log));
        put(state, "recorder/grants.log", 0600, buf_bytes(&log));
}

static void make_all(void)
{
        static const char *const keys[] = { "site/root.key", "site/nodes.key",
                "node/manager/node.key", "node/recorder/node.key", "recorder/seal.key",
                "recorder/wrap.key", "manager/grant.key", "control.sock" };
        static const char *const dirs[] = { "site", "node/manager", "node/recorder", "recorder",
                "manager", "gateway" };
        const struct shape supervisor = { 0, 1, 0xffff, "0", 1, 1 };

        for (unsigned i = 0; i < ARRAY_LEN(dirs); i++) {
                make_dir(state, dirs[i]);
                assert_int_equal(chmod(path, 0700), 0);
        }
        for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
                put_text(state, keys[i], 0600, "k");
        put_text(state, "site/root.crt", 0644, "c");
        put_text(state, "manager/port", 0600, "8320\n");
        unlink(at(state, "recovery-kit.txt"));
        unlink(at(state, "gateway/metrics_token"));
        unlink(at(state, "gateway/root.crt"));
        unlink(at(state, "gateway/port"));
        assert_int_equal(chmod(state, 0700), 0);
        make_logs();
        make_process(100, "run", "", &supervisor);
        make_process(101, "worker", "", &good);
        make_process(102, "porter", "manager", &good);
        make_socket(102, "5", "socket:[77]");
        make_socket(102, "6", "socket:[79]");
        make_socket(101, "5", "/dev/null");
        say("encrypted and verified", "tls", "connected", "{\"streams\": []}", "healthy", 0);
}

static const struct doctor *doctor(void)
{
        static struct doctor d;

        d = (struct doctor){ .state = state,
                .proc = proc,
                .recorders = recorders,
                .storage = storage,
                .certificates = certificates,
                .keys = key_store,
                .people = people };
        return &d;
}

/* All but the last, which gives up rights. */
static void look(struct doctor_finding to[static CHECKS_MAX])
{
        assert_true(doctor_checks() < CHECKS_MAX);
        for (unsigned i = 0; i + 1 < doctor_checks(); i++)
                doctor_check(doctor(), i, &to[i]);
}

/* This row changed, and it alone. */
static void only(const char *name, enum doctor_verdict verdict, const char *words)
{
        static struct doctor_finding well[CHECKS_MAX], now[CHECKS_MAX];
        bool found = false;

        look(now);
        make_all();
        look(well);
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                if (strcmp(now[i].name, name) != 0) {
                        if (now[i].verdict != well[i].verdict)
                                fail_msg("%s: %s says %s", name, now[i].name, now[i].text);
                        continue;
                }
                found = true;
                assert_true(well[i].verdict < DOCTOR_UNKNOWN);
                if (now[i].verdict != verdict || !strstr(now[i].text, words))
                        fail_msg("%s is %s: %s", name, doctor_verdict_name(now[i].verdict),
                                now[i].text);
        }
        assert_true(found);
}

static void mode(const char *name, unsigned mode)
{
        assert_int_equal(chmod(at(state, name), mode), 0);
}

static void all_is_well(void **ignored)
{
        struct doctor_finding f[CHECKS_MAX];

        (void)ignored;
        make_all();
        look(f);
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                /* this machine's own kernel */
                if (strcmp(f[i].name, "landlock") == 0 || strcmp(f[i].name, "clock") == 0)
                        continue;
                if (strcmp(f[i].name, "users") == 0) { /* these are an ordinary user's */
                        assert_int_equal(f[i].verdict, DOCTOR_NOTE);
                        continue;
                }
                enum doctor_verdict wanted =
                        strcmp(f[i].name, "footage-key") == 0 ? DOCTOR_NOTE : DOCTOR_PASS;
                if (f[i].verdict != wanted)
                        fail_msg("%s: %s", f[i].name, f[i].text);
                assert_string_equal(f[i].remedy, "");
                if (strcmp(f[i].name, "ports") == 0)
                        assert_string_equal(f[i].text, "manager 8320 on loopback");
        }
}

static void files(void **ignored)
{
        static const char *const keys[][2] = { { "site-ca", "site/nodes.key" },
                { "node-keys", "node/recorder/node.key" }, { "seal-key", "recorder/seal.key" },
                { "wrap-key", "recorder/wrap.key" }, { "grant-key", "manager/grant.key" } };

        (void)ignored;
        make_all();
        for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
                mode(keys[i][1], 0640);
                only(keys[i][0], DOCTOR_FAIL, "mode 0640");
                if (geteuid() == 0) {
                        assert_int_equal(chown(at(state, keys[i][1]), 65534, 0), 0);
                        only(keys[i][0], DOCTOR_FAIL, "belongs to user 65534");
                }
                unlink(at(state, keys[i][1]));
                assert_int_equal(symlink("/dev/null", path), 0);
                only(keys[i][0], DOCTOR_FAIL, "no regular file");
        }
        mode("site/root.crt", 0664);
        only("site-ca", DOCTOR_FAIL, "root.crt has mode 0664");
        mode("node/manager", 0720);
        only("node-keys", DOCTOR_FAIL, "node/manager has mode 0720");
        mode("control.sock", 0660);
        only("state-directory", DOCTOR_FAIL, "command this site");
        mode(".", 0777);
        only("state-directory", DOCTOR_FAIL, "mode 0777");
        put_text(state, "recovery-kit.txt", 0600, "kit");
        only("recovery-kit", DOCTOR_FAIL, "beside the footage");
        unlink(at(state, "recorder/wrap.key"));
        only("footage-key", DOCTOR_PASS, "not on this machine");
}

static void logs(void **ignored)
{
        CLEANUP(buf_done) struct buf log;

        (void)ignored;
        make_all();
        buf_init(&log, 65536);
        assert_int_equal(file_read(at(state, "audit.log"), 65536, &log, NULL), 0);
        memcpy(strstr((char *)log.p, "camera.added"), "camera.other", 12);
        put(state, "audit.log", 0600, buf_bytes(&log));
        only("audit-log", DOCTOR_FAIL, "audit.log, line 1");
        put(state, "recorder/grants.log", 0600, buf_bytes(&log));
        only("grants-log", DOCTOR_FAIL, "grants.log, line 1");
        mode("audit.log", 0644);
        only("audit-log", DOCTOR_FAIL, "mode 0644");
}

static void processes(void **ignored)
{
        struct shape s = good;

        (void)ignored;
        make_all();
        s.seccomp = 0;
        make_process(101, "worker", "", &s);
        only("seccomp", DOCTOR_FAIL, "worker (process 101)");
        s = good;
        s.capabilities = 1;
        make_process(101, "worker", "", &s);
        only("privileges", DOCTOR_FAIL, "has capabilities");
        s = good;
        s.no_new_privs = 0;
        make_process(101, "worker", "", &s);
        only("privileges", DOCTOR_FAIL, "may gain");
        s = good;
        s.core = "unlimited";
        make_process(101, "worker", "", &s);
        only("core-dumps", DOCTOR_FAIL, "core file");
        make_socket(101, "5", "socket:[78]");
        only("ports", DOCTOR_FAIL, "worker (process 101) listens on port 22,");
        make_socket(102, "5", "socket:[78]");
        only("ports", DOCTOR_FAIL, "porter (process 102) listens on port 22,");
        put_text(state, "manager/port", 0600, "8321\n");
        only("ports", DOCTOR_FAIL, "port 8320,");
}

static void answers(void **ignored)
{
        (void)ignored;
        make_all();
        say("open", "tls", "connected", "{}", "healthy", 0);
        only("encryption", DOCTOR_FAIL, "cam-main comes in the clear");
        say("control only", "tls", "connected", "{}", "healthy", 0);
        only("encryption", DOCTOR_FAIL, "control only");
        say("encrypted, pinned", "plain", "connected", "{}", "healthy", 0);
        only("exceptions", DOCTOR_FAIL, "plain");
        say("encrypted, pinned", "tls-if-available", "connected", "{}", "healthy", 0);
        only("exceptions", DOCTOR_FAIL, "tls-if-available");
        say("encrypted and verified", "tls", "connected",
                "{\"streams\": [{\"stream\": \"far-main\", \"state\": \"streaming\", \"protection\": "
                "\"open\", \"transport\": \"tls\"}]}",
                "healthy", 0);
        only("encryption", DOCTOR_FAIL, "far-main");
        say("encrypted and verified", "tls", "connected", "{}", "no-storage", 0);
        only("volumes", DOCTOR_FAIL, "volume vault: no-storage");
        say("encrypted and verified", "tls", "connected", "{}", "healthy", 3);
        only("damage", DOCTOR_FAIL, "3 segments");
}

static void certificates_due(void **ignored)
{
        (void)ignored;
        make_all();
        json_object_set_new(json_array_get(certificates, 0), "warning", json_string("7 days"));
        only("certificates", DOCTOR_FAIL, "camera cam-main runs out at 2027 (7 days)");
}

static void of_people(void **ignored)
{
        (void)ignored;
        make_all();
        json_object_set_new(people, "administrators", json_integer(0));
        only("administrator", DOCTOR_FAIL, "nobody can sign in");
        json_object_set_new(key_store, "error", json_string("no TPM is there"));
        only("key-store", DOCTOR_FAIL, "no TPM is there");
        json_object_set_new(
                people, "code", json_pack("{s:s, s:b}", "until", "2026", "remote", true));
        only("setup-code", DOCTOR_FAIL, "from other hosts too");
        json_object_set_new(
                people, "code", json_pack("{s:s, s:b}", "until", "2026", "remote", false));
        only("setup-code", DOCTOR_NOTE, "on the gateway's host alone");
}

static void of_the_page(void **ignored)
{
        (void)ignored;
        make_all();
        json_object_set_new(json_array_get(certificates, 1), "warning", json_string("7 days"));
        struct doctor_finding f;
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                doctor_check(doctor(), i, &f);
                if (strcmp(f.name, "page-certificate") == 0 || strcmp(f.name, "certificates") == 0)
                        assert_int_equal(f.verdict, DOCTOR_FAIL);
        }
        make_all();
        put_text(state, "gateway/metrics_token", 0640, "x");
        only("metrics-token", DOCTOR_FAIL, "0640");
        put_text(state, "gateway/metrics_token", 0600, "x");
        only("metrics-token", DOCTOR_PASS, "for its owner alone");
        put_text(state, "gateway/root.crt", 0644, "no certificate");
        only("page-root", DOCTOR_FAIL, "root of the page");
        put_text(state, "gateway/port", 0644, "1\n");
        only("page", DOCTOR_FAIL, "does not take connections");
}

/* A server that is none: silent, in the clear, or too old. */
static void a_port(const uint8_t *answer, size_t n, enum doctor_verdict verdict, const char *words)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t size = sizeof a;
        char text[16];

        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(fd, 4), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
        snprintf(text, sizeof text, "%u\n", ntohs(a.sin_port));
        pid_t server = fork();
        if (server == 0) {
                uint8_t hello[80];
                int c = accept(fd, NULL, NULL);
                /* the whole of it, and nothing behind */
                if (recv(c, hello, sizeof hello, MSG_WAITALL) == sizeof hello && n)
                        (void)!write(c, answer, n);
                _exit(recv(c, hello, 1, 0) <= 0 ? 0 : 1); /* what was not read ends it by a reset */
        }
        close(fd);
        put_text(state, "gateway/port", 0644, text);
        struct doctor_finding f;
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                doctor_check(doctor(), i, &f);
                if (strcmp(f.name, "page") == 0)
                        break;
        }
        assert_int_equal(f.verdict, verdict);
        assert_non_null(strstr(f.text, words));
        int how;
        assert_int_equal(waitpid(server, &how, 0), server);
        assert_int_equal(how, 0);
}

static void a_page_that_is_none(void **ignored)
{
        static const uint8_t hello[] = { 22, 3, 2, 0, 1, 2 }, alert[] = { 21, 3, 1, 0, 2, 2, 70 };

        (void)ignored;
        make_all();
        a_port(alert, sizeof alert, DOCTOR_PASS, "refuses less");
        a_port(hello, sizeof hello, DOCTOR_FAIL, "takes TLS 1.1");
        a_port((const uint8_t *)"HTTP/1.1", 8, DOCTOR_FAIL, "speaks no TLS");
        a_port(NULL, 0, DOCTOR_FAIL, "does not answer");
}

/* A finding goes over the link as it is. */
static void as_json(void **ignored)
{
        struct doctor_finding f = { .name = "x" }, back;
        json_t *checks = json_array();

        (void)ignored;
        make_all();
        json_object_set_new(people, "administrators", json_integer(0));
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                doctor_take(checks, i, &back); /* not in the list */
                assert_int_equal(back.verdict, DOCTOR_UNKNOWN);
                doctor_check(doctor(), i, &f);
                json_array_append_new(checks, doctor_json(&f));
                doctor_take(checks, i, &back);
                assert_string_equal(back.name, f.name);
                assert_string_equal(back.text, f.text);
                assert_string_equal(back.remedy, f.remedy);
                assert_int_equal(back.verdict, f.verdict);
                assert_int_equal(back.more, f.more);
        }
        assert_string_equal(doctor_sum(checks), "fail");
        json_decref(checks);
}

/* Who does not answer is not well. */
static void unknown(void **ignored)
{
        static const char *const live[] = { "recorders", "encryption", "exceptions", "certificates",
                "volumes", "damage", "administrator", "setup-code", "page-certificate",
                "key-store" };
        static const char *const running[] = { "seccomp", "privileges", "core-dumps", "ports",
                "users" };
        struct doctor_finding f;
        struct doctor d;

        (void)ignored;
        make_all();
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                d = *doctor();
                d.recorders = d.storage = d.certificates = d.people = d.keys = NULL;
                doctor_check(&d, i, &f);
                for (unsigned j = 0; j < ARRAY_LEN(live); j++)
                        if (strcmp(f.name, live[j]) == 0)
                                assert_int_equal(f.verdict, DOCTOR_UNKNOWN);
                d = *doctor();
                d.proc = "/nowhere";
                doctor_check(&d, i, &f);
                for (unsigned j = 0; j < ARRAY_LEN(running); j++)
                        if (strcmp(f.name, running[j]) == 0)
                                assert_int_equal(f.verdict, DOCTOR_UNKNOWN);
        }
        /* a recorder that is away: its streams are unknown, itself is wrong */
        say("encrypted and verified", "tls", "away", "null", "healthy", 0);
        for (unsigned i = 0; i + 1 < doctor_checks(); i++) {
                doctor_check(doctor(), i, &f);
                if (strcmp(f.name, "recorders") == 0)
                        assert_int_equal(f.verdict, DOCTOR_FAIL);
                if (strcmp(f.name, "encryption") == 0)
                        assert_int_equal(f.verdict, DOCTOR_UNKNOWN);
        }
}

/* Others like it are counted; the first and heaviest is shown. */
static void heaviest(void **ignored)
{
        struct doctor_finding f = { .name = "x" };

        (void)ignored;
        doctor_say(&f, DOCTOR_NOTE, "", "a note");
        doctor_say(&f, DOCTOR_FAIL, "mend", "one");
        doctor_say(&f, DOCTOR_FAIL, "other", "two");
        doctor_say(&f, DOCTOR_UNKNOWN, "", "not seen");
        doctor_pass(&f, "all is well");
        assert_int_equal(f.verdict, DOCTOR_FAIL);
        assert_string_equal(f.text, "one");
        assert_string_equal(f.remedy, "mend");
        assert_int_equal(f.more, 1);
}

static void memory(void **ignored)
{
        unsigned last = doctor_checks() - 1;
        struct shape s = good;
        struct doctor_finding f;

        (void)ignored;
        make_all();
        doctor_check(doctor(), last, &f);
        assert_string_equal(f.name, "memory");
        assert_int_equal(f.verdict, DOCTOR_PASS);
        s.uid_off = 0; /* its files belong to its own user, who can open them */
        make_process(101, "worker", "", &s);
        doctor_check(doctor(), last, &f);
        assert_int_equal(f.verdict, DOCTOR_FAIL);
        assert_non_null(strstr(f.text, "worker (process 101)"));
}

static int make(void **ignored)
{
        (void)ignored;
        snprintf(state, sizeof state, "/tmp/custos-doctor-XXXXXX");
        if (!mkdtemp(state))
                return -1;
        snprintf(proc, sizeof proc, "%s/proc", state);
        make_dir(state, "proc");
        return 0;
}

static int clean(void **ignored)
{
        char command[100];

        (void)ignored;
        json_decref(recorders);
        json_decref(storage);
        json_decref(certificates);
        json_decref(people);
        json_decref(key_store);
        snprintf(command, sizeof command, "rm -r %s", state);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_is_well), cmocka_unit_test(files), cmocka_unit_test(logs),
                cmocka_unit_test(processes), cmocka_unit_test(answers), cmocka_unit_test(of_people),
                cmocka_unit_test(of_the_page), cmocka_unit_test(a_page_that_is_none),
                cmocka_unit_test(as_json), cmocka_unit_test(certificates_due),
                cmocka_unit_test(unknown), cmocka_unit_test(heaviest),
                cmocka_unit_test(memory), /* last: it gives up rights */
        };
        return cmocka_run_group_tests(tests, make, clean);
}
