/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs for this state directory, as the kernel tells in /proc: whether each role is confined,
 * which ports are open, whether memory can be read. Processes are found by their command lines: a
 * child of the supervisor has the state directory in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/doctor_parts.h"
#include "os/sandbox.h"

#define DOCTOR_PROCESSES_MAX 512
#define DOCTOR_PROCESSES_FILE_MAX (1u << 20)
#define DOCTOR_PROCESSES_LISTENERS_MAX 512
#define DOCTOR_PROCESSES_ARGS_MAX 64
#define DOCTOR_PROCESSES_PATH_ROOM 400
#define DOCTOR_PROCESSES_SCOPES_ABI 6
#define DOCTOR_PROCESSES_ROOT "Run custos doctor as root."
#define DOCTOR_PROCESSES_RESTART                                                                   \
        "Restart Custos; if that does not help, the machine was tampered with."

struct doctor_process {
        unsigned pid;
        char role[24];      /* "supervisor", "worker", ... */
        char of[16];        /* of a porter: whose it is */
        bool is_supervisor; /* keeps its rights, for it starts the others; holds no secret */
};

struct doctor_processes {
        struct doctor_process list[DOCTOR_PROCESSES_MAX];
        unsigned n;
};

/* A file of a process, with a NUL behind it; the caller's, NULL (errno) where it cannot be read. */
static char *doctor_processes_read(
        const struct doctor *d, unsigned pid, const char *name, size_t *ret_n)
{
        char path[DOCTOR_PROCESSES_PATH_ROOM];
        size_t n = 0, room = 4096;

        snprintf(path, sizeof path, "%.200s/%u/%.100s", d->proc, pid, name);
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        char *text = xcalloc(1, room + 1);
        for (;;) {
                ssize_t got = read(fd, text + n, room - n);
                if (got < 0 || room > DOCTOR_PROCESSES_FILE_MAX) {
                        free(text);
                        return NULL;
                }
                n += (size_t)got;
                if (got == 0)
                        break;
                if (n == room) {
                        room *= 2;
                        text = xrealloc(text, room + 1, 1);
                }
        }
        text[n] = '\0';
        if (ret_n)
                *ret_n = n;
        return text;
}

/* The words behind "KEY:" in a status file; NULL where there are none. */
static const char *doctor_processes_value(const char *status, const char *key)
{
        size_t n = strlen(key);

        for (const char *line = status; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, n) == 0 && line[n] == ':')
                        return line + n + 1 + strspn(line + n + 1, " \t");
        }
        return NULL;
}

static unsigned long long doctor_processes_number(const char *status, const char *key, int base)
{
        const char *value = doctor_processes_value(status, key);

        return value ? strtoull(value, NULL, base) : 0;
}

/* --- which --- */

static bool doctor_processes_is_state(const struct doctor *d, const char *argument)
{
        struct stat ours, theirs;

        if (strcmp(d->state, argument) == 0)
                return true;
        return argument[0] == '/' && stat(d->state, &ours) == 0 && stat(argument, &theirs) == 0 &&
               ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static void doctor_processes_add(
        struct doctor_processes *p, unsigned pid, const char *role, const char *of)
{
        static const char *const roles[] = { "run", "recorder", "manager", "parent", "porter",
                "sealer", "connector", "worker", "volume", "scrubber", "player", "gateway",
                "transcoder" };
        bool known = false;

        for (unsigned i = 0; i < p->n; i++)
                known |= p->list[i].pid == pid;
        if (known || p->n == DOCTOR_PROCESSES_MAX)
                return;
        for (unsigned i = 0; i < ARRAY_LEN(roles); i++) {
                if (strcmp(roles[i], role) != 0)
                        continue;
                struct doctor_process *one = &p->list[p->n++];
                one->pid = pid;
                one->is_supervisor = i < 2;
                snprintf(one->role, sizeof one->role, "%s", i < 2 ? "supervisor" : role);
                snprintf(one->of, sizeof one->of, "%s", of);
        }
}

/* One process; by_state: only where its command line has the state directory. */
static void doctor_processes_look(
        const struct doctor *d, struct doctor_processes *p, unsigned pid, bool by_state)
{
        const char *args[DOCTOR_PROCESSES_ARGS_MAX], *of = "";
        CLEANUP(own_freep) char *line = NULL;
        size_t n, count = 0;
        bool ours = !by_state;

        line = doctor_processes_read(d, pid, "cmdline", &n);
        if (!line)
                return;
        for (size_t at = 0; at < n && count < ARRAY_LEN(args); at += strlen(line + at) + 1)
                args[count++] = line + at;
        for (size_t i = 2; i + 1 < count; i++) {
                if (strcmp(args[i], "--state") == 0)
                        ours |= doctor_processes_is_state(d, args[i + 1]);
                if (strcmp(args[i], "--role") == 0)
                        of = args[i + 1];
        }
        if (ours && count > 1)
                doctor_processes_add(p, pid, args[1], of);
}

/* False, and said, where none runs. */
static bool doctor_processes_find(
        const struct doctor *d, struct doctor_processes *p, struct doctor_finding *f)
{
        struct dirent *entry;
        uint64_t pid;

        p->n = 0;
        DIR *dir = opendir(d->proc);
        while (dir && (entry = readdir(dir))) {
                if (str_uint(entry->d_name, 1, UINT32_MAX, &pid, NULL) == 0)
                        doctor_processes_look(d, p, (unsigned)pid, true);
        }
        if (dir)
                closedir(dir);
        /* The supervisor may have been started without saying where the state is. */
        for (unsigned i = 0, n = p->n; i < n; i++) {
                CLEANUP(own_freep)
                char *status = doctor_processes_read(d, p->list[i].pid, "status", NULL);
                unsigned parent =
                        status ? (unsigned)doctor_processes_number(status, "PPid", 10) : 0;
                if (parent > 1)
                        doctor_processes_look(d, p, parent, false);
        }
        if (p->n == 0)
                doctor_say(f, DOCTOR_UNKNOWN, "Start Custos: custos run.",
                        "no process of Custos runs for %.400s", d->state);
        return p->n > 0;
}

/* --- each of them --- */

typedef void (*doctor_processes_each)(const struct doctor *d, const struct doctor_process *one,
        const char *status, struct doctor_finding *f);

/* The count of them, 0 where none runs, which was said. One that ended meanwhile is left out. */
static unsigned doctor_processes_walk(
        const struct doctor *d, struct doctor_finding *f, doctor_processes_each look)
{
        struct doctor_processes *p = xcalloc(1, sizeof *p);
        unsigned n = 0;

        if (doctor_processes_find(d, p, f)) {
                for (unsigned i = 0; i < p->n; i++) {
                        CLEANUP(own_freep)
                        char *status = doctor_processes_read(d, p->list[i].pid, "status", NULL);
                        if (!status || !doctor_processes_value(status, "Seccomp"))
                                continue;
                        look(d, &p->list[i], status, f);
                        n++;
                }
        }
        free(p);
        return n;
}

static void doctor_processes_filter(const struct doctor *d, const struct doctor_process *one,
        const char *status, struct doctor_finding *f)
{
        (void)d;
        if (one->is_supervisor)
                return;
        if (doctor_processes_number(status, "Seccomp", 10) != 2)
                doctor_say(f, DOCTOR_FAIL, DOCTOR_PROCESSES_RESTART,
                        "%s (process %u) has no seccomp filter", one->role, one->pid);
}

void doctor_processes_seccomp(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_processes_walk(d, f, doctor_processes_filter);

        doctor_pass(f, "%u processes, each role under its filter", n);
}

static void doctor_processes_rights(const struct doctor *d, const struct doctor_process *one,
        const char *status, struct doctor_finding *f)
{
        (void)d;
        if (doctor_processes_number(status, "NoNewPrivs", 10) != 1)
                doctor_say(f, DOCTOR_FAIL, DOCTOR_PROCESSES_RESTART,
                        "%s (process %u) may gain privileges by a program that it starts",
                        one->role, one->pid);
        if (!one->is_supervisor && doctor_processes_number(status, "CapEff", 16) +
                                           doctor_processes_number(status, "CapPrm", 16))
                doctor_say(f, DOCTOR_FAIL, DOCTOR_PROCESSES_RESTART,
                        "%s (process %u) has capabilities", one->role, one->pid);
}

void doctor_processes_privileges(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_processes_walk(d, f, doctor_processes_rights);

        doctor_pass(f, "%u processes, no role has a capability or can gain one", n);
}

/* "Max core file size        0                    0                    bytes" */
static void doctor_processes_limit(const struct doctor *d, const struct doctor_process *one,
        const char *status, struct doctor_finding *f)
{
        static const char key[] = "Max core file size";
        CLEANUP(own_freep) char *limits = doctor_processes_read(d, one->pid, "limits", NULL);
        const char *line = limits ? strstr(limits, key) : NULL;
        char soft[24], hard[24];

        (void)status;
        if (!line || sscanf(line + strlen(key), "%23s %23s", soft, hard) != 2)
                doctor_say(f, DOCTOR_UNKNOWN, DOCTOR_PROCESSES_ROOT,
                        "the limits of %s (process %u) cannot be read", one->role, one->pid);
        else if (strcmp(soft, "0") != 0 || strcmp(hard, "0") != 0)
                doctor_say(f, DOCTOR_FAIL, DOCTOR_PROCESSES_RESTART,
                        "%s (process %u) would leave its memory in a core file", one->role,
                        one->pid);
}

void doctor_processes_core(const struct doctor *d, struct doctor_finding *f)
{
        unsigned n = doctor_processes_walk(d, f, doctor_processes_limit);

        doctor_pass(f, "%u processes, none leaves a core file", n);
}

void doctor_processes_landlock(const struct doctor *d, struct doctor_finding *f)
{
        struct err e;
        int abi = sandbox_files_abi(&e);

        (void)d;
        if (abi < 0)
                doctor_say(f, DOCTOR_UNKNOWN, "", "%.400s", e.text);
        else if (abi == 0)
                doctor_say(f, DOCTOR_FAIL,
                        "Use a kernel with Landlock (5.13 or later, \"landlock\" in its list lsm=).",
                        "this kernel has no Landlock: files are confined by seccomp and user alone");
        else if (abi < DOCTOR_PROCESSES_SCOPES_ABI)
                doctor_pass(f,
                        "ABI %d: files are confined; signals by seccomp alone (ABI %d has both)",
                        abi, DOCTOR_PROCESSES_SCOPES_ABI);
        else
                doctor_pass(f, "ABI %d: files, signals and abstract sockets are confined", abi);
}

/* --- ports --- */

struct doctor_listener {
        unsigned port;
        unsigned long long inode;
        bool network; /* not on loopback alone */
};

struct doctor_ports {
        struct doctor_listener list[DOCTOR_PROCESSES_LISTENERS_MAX];
        unsigned n;
};

/* "   0: 0100007F:2080 00000000:0000 0A ... inode" of /proc/net/tcp, and the same with 32 digits.
 */
static void doctor_processes_listener(struct doctor_ports *p, const char *line)
{
        char address[40];
        unsigned port, state;
        unsigned long long inode;

        if (p->n == ARRAY_LEN(p->list) ||
                sscanf(line, " %*u: %39[0-9A-F]:%4x %*[0-9A-F]:%*x %2x %*s %*s %*s %*u %*u %llu",
                        address, &port, &state, &inode) != 4 ||
                state != 0x0a)
                return;
        bool loopback = strlen(address) == 8
                                ? strcmp(address + 6, "7F") == 0
                                : strcmp(address, "00000000000000000000000001000000") == 0;
        p->list[p->n++] = (struct doctor_listener){ port, inode, !loopback };
}

static bool doctor_processes_listeners(
        const struct doctor *d, unsigned pid, const char *name, struct doctor_ports *p)
{
        CLEANUP(own_freep) char *text = doctor_processes_read(d, pid, name, NULL);

        if (!text)
                return false;
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
                doctor_processes_listener(p, line);
        return true;
}

/* What a porter of this role, or the gateway, may listen on; 0 where it has said none. */
static unsigned doctor_processes_port_of(const struct doctor *d, const struct doctor_process *one)
{
        char path[CLI_PATH_MAX + 40], text[16] = "";

        bool gateway = strcmp(one->role, "gateway") == 0;
        if (!gateway && (strcmp(one->role, "porter") != 0 || strcmp(one->of, "gateway") == 0))
                return 0;
        snprintf(path, sizeof path, "%.4096s/%s/port", d->state, gateway ? one->role : one->of);
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
                return 0;
        return (unsigned)strtoul(text, NULL, 10);
}

static void doctor_processes_socket(const struct doctor *d, const struct doctor_process *one,
        const struct doctor_listener *at, struct doctor_finding *f)
{
        unsigned allowed = doctor_processes_port_of(d, one);

        if (at->port != allowed)
                doctor_say(f, DOCTOR_FAIL,
                        "Stop Custos and look at that process: only porters and the gateway listen, each on one port.",
                        "%s (process %u) listens on port %u, which is not documented", one->role,
                        one->pid, at->port);
        else if (f->verdict == DOCTOR_PASS) {
                size_t n = strlen(f->text);
                char shown[48]; /* IPv4 and IPv6 are two sockets */
                snprintf(shown, sizeof shown, "%s %u %s", one->of[0] ? one->of : one->role,
                        at->port, at->network ? "from the network" : "on loopback");
                if (!strstr(f->text, shown))
                        snprintf(f->text + n, sizeof f->text - n, "%s%s", n ? ", " : "", shown);
        }
}

/* The sockets among a process's descriptors; false where they cannot be seen. */
static bool doctor_processes_sockets(const struct doctor *d, const struct doctor_process *one,
        const struct doctor_ports *ports, struct doctor_finding *f)
{
        char path[DOCTOR_PROCESSES_PATH_ROOM], target[64];
        unsigned long long inode;
        struct dirent *entry;

        snprintf(path, sizeof path, "%.200s/%u/fd", d->proc, one->pid);
        DIR *dir = opendir(path);
        if (!dir)
                return errno == ENOENT; /* it has ended */
        while ((entry = readdir(dir))) {
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
                if (n < 0)
                        continue;
                target[n] = '\0';
                if (sscanf(target, "socket:[%llu]", &inode) != 1)
                        continue;
                for (unsigned i = 0; i < ports->n; i++) {
                        if (ports->list[i].inode == inode)
                                doctor_processes_socket(d, one, &ports->list[i], f);
                }
        }
        closedir(dir);
        return true;
}

void doctor_processes_ports(const struct doctor *d, struct doctor_finding *f)
{
        struct doctor_processes *p = xcalloc(1, sizeof *p);
        struct doctor_ports *ports = xcalloc(1, sizeof *ports);

        if (doctor_processes_find(d, p, f)) {
                unsigned pid = p->list[0].pid;
                bool seen = doctor_processes_listeners(d, pid, "net/tcp", ports);
                doctor_processes_listeners(d, pid, "net/tcp6", ports); /* a machine without IPv6 */
                for (unsigned i = 0; i < p->n; i++)
                        seen = seen && doctor_processes_sockets(d, &p->list[i], ports, f);
                if (!seen)
                        doctor_say(f, DOCTOR_UNKNOWN, DOCTOR_PROCESSES_ROOT,
                                "only root may see which process listens on which port");
        }
        if (!f->text[0])
                doctor_pass(f, "none is open");
        free(ports);
        free(p);
}

/* --- memory --- */

/* The kernel gives the files of a process that must not be read to root; where it runs as root
 * itself, somebody of the same user without capabilities has to try. */
static void doctor_processes_readable(const struct doctor *d, const struct doctor_process *one,
        const char *status, struct doctor_finding *f)
{
        unsigned uid = (unsigned)doctor_processes_number(status, "Uid", 10);
        char path[DOCTOR_PROCESSES_PATH_ROOM];
        struct stat s;

        snprintf(path, sizeof path, "%.200s/%u", d->proc, one->pid);
        if (stat(path, &s) < 0 || s.st_uid != uid)
                return;
        snprintf(path, sizeof path, "%.200s/%u/environ", d->proc, one->pid);
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
                doctor_say(f, DOCTOR_FAIL, DOCTOR_PROCESSES_RESTART,
                        "others of its user can read the memory of %s (process %u)", one->role,
                        one->pid);
}

void doctor_processes_memory(const struct doctor *d, struct doctor_finding *f)
{
        struct err e;

        if (sandbox_drop(NULL, &e) < 0) {
                doctor_say(f, DOCTOR_UNKNOWN, "", "%.400s", e.text);
                return;
        }
        unsigned n = doctor_processes_walk(d, f, doctor_processes_readable);
        doctor_pass(f, "%u processes, none of which another one can read", n);
}
