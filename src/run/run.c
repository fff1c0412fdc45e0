/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/settings.h"
#include "base/str.h"
#include "os/clock.h"
#include "os/config.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/role.h"
#include "run/announce.h"
#include "run/demo.h"
#include "run/setup.h"
#include "run/state_owners.h"
#include "run/supervisor.h"

#define RUN_LOCK_WAIT_MS 10000

static const char run_help[] =
        "custos run [--demo] [--init] [--state DIR] [--config FILE] [--recovery-kit FILE] [--remote] [--quiet]\n"
        "\n"
        "Starts Custos on this host: manager, recorder (parent, workers, sealer, connector), gateway, each a process of\n"
        "its own. The first start makes the site: its certificate authority, the keys, the vault, and the recovery kit.\n"
        "\n"
        "  --demo               two cameras that play real footage over RTSPS on loopback\n"
        "  --init               make the site, print its fingerprint, and end\n"
        "  --state DIR          everything that is kept (default: ./var in a checkout, else /var/lib/custos)\n"
        "  --config FILE        settings; custos settings --example prints one\n"
        "  --recovery-kit FILE  where the first start writes the recovery kit (default: this terminal, or\n"
        "                       DIR/recovery-kit.txt where there is none)\n"
        "  --remote             the setup code, with which the first administrator is made, may be used from other\n"
        "                       hosts too; else on the gateway's own alone\n"
        "  --quiet              warnings and errors only\n"
        "\n"
        "Exit: 0 ended as asked, 1 could not start, 64 wrong use.\n";

/* The end of the help of each role. */
#define RUN_ROLE_HELP                                                                                     \
        "\n"                                                                                              \
        "  --state DIR    everything that is kept (default: ./var in a checkout, else /var/lib/custos)\n" \
        "  --config FILE  settings; custos settings --example prints one\n"                               \
        "  --quiet        warnings and errors only\n"                                                     \
        "\n"                                                                                              \
        "Exit: 0 ended as asked, 1 could not start, 64 wrong use.\n"

static const char run_manager_help[] =
        "custos manager [--state DIR] [--config FILE] [--quiet]\n"
        "\n"
        "Starts the manager alone, with the porter that holds its links: the inventory of cameras and the control\n"
        "socket, of a site that custos run --init made. It tells recorders what to record: the one of the same state\n"
        "directory (custos recorder --state DIR), and those that enrolled. custos run starts both.\n" RUN_ROLE_HELP;

static const char run_recorder_help[] =
        "custos recorder [--state DIR] [--config FILE] [--quiet]\n"
        "\n"
        "Starts the recorder alone: parent, workers, sealer, connector, and the porter that holds its links; of a site\n"
        "that custos run --init made here, or that custos enroll made this host a part of. It records what the manager\n"
        "tells it, and goes on recording when the manager is away.\n" RUN_ROLE_HELP;

static const char run_gateway_help[] =
        "custos gateway [--state DIR] [--config FILE] [--quiet]\n"
        "\n"
        "Starts the gateway alone: the page and the API for people (https), and the porter that holds its links; of a\n"
        "site that custos run --init made here, or that custos enroll made this host a part of.\n" RUN_ROLE_HELP;

/* What is started. */
struct run_mode {
        const char *name, *help;
        bool manager, recorder, gateway;
};

static const struct run_mode run_mode_all = { "run", run_help, true, true, true };
static const struct run_mode run_mode_manager = { "manager", run_manager_help, true, false, false };
static const struct run_mode run_mode_recorder = { "recorder", run_recorder_help, false, true,
        false };
static const struct run_mode run_mode_gateway = { "gateway", run_gateway_help, false, false, true };

struct run {
        const struct run_mode *mode;
        char state[4096];
        const char *config, *recovery_kit;
        bool demo_wanted, init, quiet, remote;
        struct settings settings;
        struct loop *loop;
        struct supervisor *supervisor;
        struct announce *announce;
        struct demo *demo;
        bool has_users; /* each role runs as one of these */
        struct role_users users;
        int manager_lock_fd, recorder_lock_fd, gateway_lock_fd;
};

static int run_misused(const struct run *r)
{
        fprintf(stderr, "Try: custos %s --help\n", r->mode->name);
        return 64 + 1;
}

/* 0 to go on, else the exit status + 1. */
static int run_options(int argc, char **argv, struct run *r)
{
        enum { STATE = 256, CONFIG, QUIET, HELP, DEMO, INIT, KIT, REMOTE };
        static const struct option run_names[] = { { "state", required_argument, NULL, STATE },
                { "config", required_argument, NULL, CONFIG },
                { "quiet", no_argument, NULL, QUIET }, { "help", no_argument, NULL, HELP },
                { "demo", no_argument, NULL, DEMO }, { "init", no_argument, NULL, INIT },
                { "recovery-kit", required_argument, NULL, KIT },
                { "remote", no_argument, NULL, REMOTE }, { 0 } };
        static const struct option role_names[] = { { "state", required_argument, NULL, STATE },
                { "config", required_argument, NULL, CONFIG },
                { "quiet", no_argument, NULL, QUIET }, { "help", no_argument, NULL, HELP }, { 0 } };
        const struct option *names = r->mode == &run_mode_all ? run_names : role_names;
        const char *state = role_default_state();
        int c;

        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                switch (c) {
                case DEMO:
                        r->demo_wanted = true;
                        break;
                case INIT:
                        r->init = true;
                        break;
                case STATE:
                        state = optarg;
                        break;
                case CONFIG:
                        r->config = optarg;
                        break;
                case KIT:
                        r->recovery_kit = optarg;
                        break;
                case REMOTE:
                        r->remote = true;
                        break;
                case QUIET:
                        r->quiet = true;
                        break;
                case HELP:
                        fputs(r->mode->help, stdout);
                        return 1;
                default:
                        return run_misused(r);
                }
        }
        if (optind < argc)
                return run_misused(r);
        snprintf(r->state, sizeof r->state, "%s", state);
        return 0;
}

/* Waits for the processes of a supervisor that was killed: they hold the lock until the last of
 * them has ended. */
static int run_lock(const struct run *r, const char *path, int *ret_fd, struct err *e)
{
        CLEANUP(own_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += 50) {
                if (errno != EWOULDBLOCK || waited >= RUN_LOCK_WAIT_MS)
                        return err_set(e, ERR_STATE,
                                "another Custos runs in %s. End it first, or choose another "
                                "--state",
                                r->state);
                struct timespec pause = { .tv_nsec = 50 * 1000000 };
                nanosleep(&pause, NULL);
        }
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int run_lock_role(struct run *r, const char *role, int *ret_fd, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%s/%s", r->state, role);
        int done = file_make_dirs(path, 0700, e);
        snprintf(path, sizeof path, "%s/%s/lock", r->state, role);
        return done < 0 ? done : run_lock(r, path, ret_fd, e);
}

/* A lock for each role that is run: a manager and a recorder of one state directory may be started
 * apart. */
static int run_lock_roles(struct run *r, struct err *e)
{
        char path[4200];
        int done = 0;

        snprintf(path, sizeof path, "%s/lock", r->state);
        if (r->mode->recorder)
                done = run_lock(r, path, &r->recorder_lock_fd, e);
        if (done == 0 && r->mode->manager)
                done = run_lock_role(r, "manager", &r->manager_lock_fd, e);
        if (done == 0 && r->mode->gateway)
                done = run_lock_role(r, "gateway", &r->gateway_lock_fd, e);
        return done;
}

static void run_unlock(struct run *r)
{
        own_closep(&r->recorder_lock_fd);
        own_closep(&r->manager_lock_fd);
        own_closep(&r->gateway_lock_fd);
}

static void run_print_site(const struct site_ca *ca)
{
        uint8_t fingerprint[32];
        char text[65];

        site_ca_fingerprint(ca, fingerprint);
        printf("site %s\nfingerprint %s\n", site_ca_name(ca),
                str_hex(text, BYTES(fingerprint, sizeof fingerprint)));
}

/* Settings, and the state directory for this process and its children alone. */
static int run_claim(struct run *r, struct err *e)
{
        settings_defaults(&r->settings);
        int done = r->config ? config_read(r->config, &r->settings, e) : 0;
        if (done == 0)
                done = file_make_dirs(r->state, 0700, e);
        if (done == 0 && geteuid() == 0)
                done = state_owners_check(r->state, e);
        return done < 0 ? done : run_lock_roles(r, e);
}

static int run_need_site(const struct run *r, const char *file, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%s/%s", r->state, file);
        return file_exists(path) ? 0
                                 : err_set(e, ERR_NOT_FOUND,
                                           "there is no %s in %s. Make the site first: custos run "
                                           "--init --state %.200s",
                                           file, r->state, r->state);
}

static int run_prepare_recorder(struct run *r, struct err *e)
{
        int done = run_claim(r, e);

        if (done == 0)
                done = run_need_site(r, "recorder/seal.key", e);
        return done < 0 ? done : run_need_site(r, "node/recorder/peers.json", e);
}

static int run_prepare_gateway(struct run *r, struct err *e)
{
        int done = run_claim(r, e);

        return done < 0 ? done : run_need_site(r, "node/gateway/peers.json", e);
}

static int run_prepare_manager(struct run *r, struct err *e)
{
        struct setup_options setup = { .state = r->state };
        int done = run_claim(r, e);

        setup.node_days = (unsigned)settings_get(&r->settings, SETTINGS_NODE_DAYS);
        if (done == 0)
                done = run_need_site(r, "site/root.crt", e);
        return done < 0 ? done : setup_nodes(&setup, e);
}

static int run_prepare(struct run *r, struct err *e)
{
        struct setup_options setup = { .state = r->state, .recovery_kit = r->recovery_kit };
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;

        int done = run_claim(r, e);
        setup.in_tpm = settings_get(&r->settings, SETTINGS_KEY_STORE) == 1;
        setup.site = settings_text(&r->settings, SETTINGS_SITE_NAME);
        setup.node_days = (unsigned)settings_get(&r->settings, SETTINGS_NODE_DAYS);
        setup.web_days = (unsigned)settings_get(&r->settings, SETTINGS_WEB_DAYS);
        if (done == 0)
                done = setup_site(&setup, &ca, e);
        if (done == 0 && r->init)
                run_print_site(ca);
        if (done == 0 && r->demo_wanted)
                done = demo_prepare(r->state, ca, &r->demo, e);
        return done;
}

static void run_on_stopped(void *owner)
{
        struct run *r = owner;

        loop_stop(r->loop);
}

static void run_on_stop(void *owner)
{
        struct run *r = owner;

        printf(r->mode->recorder ? "\nstopping: what is open is sealed and written\n"
                                 : "\nstopping\n");
        fflush(stdout);
        r->announce = announce_free(r->announce);
        r->demo = demo_free(r->demo);
        supervisor_stop(r->supervisor, run_on_stopped, r);
}

static void run_announce(struct run *r)
{
        char program[4096];
        ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

        program[n < 0 ? 0 : n] = '\0';
        r->announce = announce_new(r->loop, r->state, n > 0 ? program : "custos", r->remote,
                settings_text(&r->settings, SETTINGS_WEB_CERTIFICATE)[0] != '\0');
}

static void run_supervise(struct run *r)
{
        struct supervisor_options o = { .state = r->state,
                .config = r->config,
                .workers = (unsigned)settings_get(&r->settings, SETTINGS_WORKERS),
                .run_manager = r->mode->manager,
                .run_recorder = r->mode->recorder,
                .run_gateway = r->mode->gateway,
                .manager_lock_fd = r->manager_lock_fd,
                .recorder_lock_fd = r->recorder_lock_fd,
                .gateway_lock_fd = r->gateway_lock_fd,
                .users = r->has_users ? &r->users : NULL,
                .scrub = settings_get(&r->settings, SETTINGS_SCRUB_MB_S) > 0 };

        r->loop = loop_new();
        r->supervisor = supervisor_new(r->loop, &o);
        loop_catch_signals(r->loop, run_on_stop, r);
        supervisor_start(r->supervisor);
        if (r->demo)
                demo_start(r->demo, r->loop, r->supervisor);
        if (r->mode == &run_mode_all)
                run_announce(r);
        loop_run(r->loop);
        announce_free(r->announce);
        demo_free(r->demo);
        supervisor_free(r->supervisor);
        loop_free(r->loop);
}

/* What the roles need becomes their own, where root starts this and they have users. */
static int run_give_users(struct run *r, struct err *e)
{
        struct err why;

        if (geteuid() != 0)
                return 0;
        r->has_users = role_users_find(&r->users, &why) == 0;
        if (r->has_users)
                return state_owners_give(r->state, &r->users, e);
        log_warn(NULL, "users.shared",
                "why=\"%s\" effect=\"all roles run as root, without its rights\"", why.text);
        return state_owners_take_back(r->state, e);
}

static int run_prepare_mode(struct run *r, struct err *e)
{
        if (r->mode == &run_mode_all)
                return run_prepare(r, e);
        if (r->mode == &run_mode_gateway)
                return run_prepare_gateway(r, e);
        return r->mode->manager ? run_prepare_manager(r, e) : run_prepare_recorder(r, e);
}

static int run_as(int argc, char **argv, struct run *r)
{
        struct err e;

        int status = run_options(argc, argv, r);
        if (status)
                return status - 1;
        proc_harden("supervisor");
        log_open("supervisor", r->quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, clock_log_us);
        int done = run_prepare_mode(r, &e);
        if (done == 0)
                done = run_give_users(r, &e);
        if (done < 0) {
                fprintf(stderr, "custos %s: %s\n", r->mode->name, e.text);
                demo_free(r->demo);
                run_unlock(r);
                return e.code == ERR_INVALID ? 64 : 1;
        }
        if (!r->init)
                run_supervise(r);
        run_unlock(r);
        return 0;
}

static int run_start(int argc, char **argv, const struct run_mode *mode)
{
        struct run r = {
                .mode = mode, .manager_lock_fd = -1, .recorder_lock_fd = -1, .gateway_lock_fd = -1
        };

        return run_as(argc, argv, &r);
}

int run_main(int argc, char **argv)
{
        return run_start(argc, argv, &run_mode_all);
}

int run_manager(int argc, char **argv)
{
        return run_start(argc, argv, &run_mode_manager);
}

int run_recorder(int argc, char **argv)
{
        return run_start(argc, argv, &run_mode_recorder);
}

int run_gateway(int argc, char **argv)
{
        return run_start(argc, argv, &run_mode_gateway);
}
