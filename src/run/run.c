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
#include "run/supervisor.h"

#define RUN_LOCK_WAIT_MS 10000

static const char run_help[] =
        "custos run [--demo] [--init] [--state DIR] [--config FILE] [--recovery-kit FILE] [--quiet]\n"
        "\n"
        "Starts Custos on this host: manager, recorder (parent, workers, sealer, connector), each a process of its\n"
        "own. The first start makes the site: its certificate authority, the keys, the vault, and the recovery kit.\n"
        "\n"
        "  --demo               two cameras that play real footage over RTSPS on loopback\n"
        "  --init               make the site, print its fingerprint, and end\n"
        "  --state DIR          everything that is kept (default: ./var in a checkout, else /var/lib/custos)\n"
        "  --config FILE        settings; custos settings --example prints one\n"
        "  --recovery-kit FILE  where the first start writes the recovery kit (default: this terminal, or\n"
        "                       DIR/recovery-kit.txt where there is none)\n"
        "  --quiet              warnings and errors only\n"
        "\n"
        "Exit: 0 ended as asked, 1 could not start, 64 wrong use.\n";

static const char run_recorder_help[] =
        "custos recorder [--state DIR] [--config FILE] [--manager SOCKET] [--quiet]\n"
        "\n"
        "Starts the recorder alone: parent, workers, sealer and connector, of a site that custos run --init made. It records what the\n"
        "manager tells it, and goes on recording when the manager is away. custos manager --state DIR is the other half.\n"
        "\n"
        "  --state DIR       everything that is kept (default: ./var in a checkout, else /var/lib/custos)\n"
        "  --config FILE     settings; custos settings --example prints one\n"
        "  --manager SOCKET  where the manager takes recorders (default: DIR/recorder.sock)\n"
        "  --quiet           warnings and errors only\n"
        "\n"
        "Exit: 0 ended as asked, 1 could not start, 64 wrong use.\n";

struct run {
        bool recorder_only;
        char state[4096], manager[4200];
        const char *config, *recovery_kit;
        bool demo_wanted, init, quiet;
        struct settings settings;
        struct loop *loop;
        struct supervisor *supervisor;
        struct announce *announce;
        struct demo *demo;
        int lock_fd;
};

static const char *run_name(const struct run *r)
{
        return r->recorder_only ? "recorder" : "run";
}

static int run_misused(const struct run *r)
{
        fprintf(stderr, "Try: custos %s --help\n", run_name(r));
        return 64 + 1;
}

/* 0 to go on, else the exit status + 1. */
static int run_options(int argc, char **argv, struct run *r)
{
        enum { STATE = 256, CONFIG, QUIET, HELP, DEMO, INIT, KIT, MANAGER };
        static const struct option run_names[] = { { "state", required_argument, NULL, STATE },
                { "config", required_argument, NULL, CONFIG },
                { "quiet", no_argument, NULL, QUIET }, { "help", no_argument, NULL, HELP },
                { "demo", no_argument, NULL, DEMO }, { "init", no_argument, NULL, INIT },
                { "recovery-kit", required_argument, NULL, KIT }, { 0 } };
        static const struct option recorder_names[] = { { "state", required_argument, NULL, STATE },
                { "config", required_argument, NULL, CONFIG },
                { "quiet", no_argument, NULL, QUIET }, { "help", no_argument, NULL, HELP },
                { "manager", required_argument, NULL, MANAGER }, { 0 } };
        const struct option *names = r->recorder_only ? recorder_names : run_names;
        const char *manager = NULL;
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
                case QUIET:
                        r->quiet = true;
                        break;
                case MANAGER:
                        manager = optarg;
                        break;
                case HELP:
                        fputs(r->recorder_only ? run_recorder_help : run_help, stdout);
                        return 1;
                default:
                        return run_misused(r);
                }
        }
        if (optind < argc)
                return run_misused(r);
        snprintf(r->state, sizeof r->state, "%s", state);
        if (manager)
                snprintf(r->manager, sizeof r->manager, "%s", manager);
        else
                snprintf(r->manager, sizeof r->manager, "%.4000s/recorder.sock", state);
        return 0;
}

/* Waits for the processes of a supervisor that was killed: they hold the lock until the last of
 * them has ended. */
static int run_lock(struct run *r, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%s/lock", r->state);
        r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (r->lock_fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        for (int waited = 0; flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0; waited += 50) {
                if (errno != EWOULDBLOCK || waited >= RUN_LOCK_WAIT_MS)
                        return err_set(e, ERR_STATE,
                                "another Custos runs in %s. End it first, or choose another "
                                "--state",
                                r->state);
                struct timespec pause = { .tv_nsec = 50 * 1000000 };
                nanosleep(&pause, NULL);
        }
        return 0;
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
        return done < 0 ? done : run_lock(r, e);
}

static int run_prepare_recorder(struct run *r, struct err *e)
{
        char key[4200];

        int done = run_claim(r, e);
        if (done < 0)
                return done;
        snprintf(key, sizeof key, "%s/recorder/seal.key", r->state);
        return file_exists(key)
                       ? 0
                       : err_set(e, ERR_NOT_FOUND,
                                 "there is no recorder's key in %s. Make the site first: custos run "
                                 "--init --state %.200s",
                                 r->state, r->state);
}

static int run_prepare(struct run *r, struct err *e)
{
        struct setup_options setup = { .state = r->state, .recovery_kit = r->recovery_kit };
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;

        int done = run_claim(r, e);
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

        printf("\nstopping: what is open is sealed and written\n");
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
        r->announce = announce_new(r->loop, r->state, n > 0 ? program : "custos");
}

static void run_supervise(struct run *r)
{
        struct supervisor_options o = { .state = r->state,
                .config = r->config,
                .workers = (unsigned)settings_get(&r->settings, SETTINGS_WORKERS),
                .run_manager = !r->recorder_only,
                .manager = r->manager,
                .lock_fd = r->lock_fd,
                .scrub = settings_get(&r->settings, SETTINGS_SCRUB_MB_S) > 0 };

        r->loop = loop_new();
        r->supervisor = supervisor_new(r->loop, &o);
        loop_catch_signals(r->loop, run_on_stop, r);
        supervisor_start(r->supervisor);
        if (r->demo)
                demo_start(r->demo, r->loop, r->supervisor);
        if (!r->recorder_only)
                run_announce(r);
        loop_run(r->loop);
        announce_free(r->announce);
        demo_free(r->demo);
        supervisor_free(r->supervisor);
        loop_free(r->loop);
}

static int run_all(int argc, char **argv, struct run *r)
{
        struct err e;

        int status = run_options(argc, argv, r);
        if (status)
                return status - 1;
        proc_harden("supervisor");
        log_open("supervisor", r->quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, clock_log_us);
        int done = r->recorder_only ? run_prepare_recorder(r, &e) : run_prepare(r, &e);
        if (done < 0) {
                fprintf(stderr, "custos %s: %s\n", run_name(r), e.text);
                demo_free(r->demo);
                own_closep(&r->lock_fd);
                return e.code == ERR_INVALID ? 64 : 1;
        }
        if (!r->init)
                run_supervise(r);
        own_closep(&r->lock_fd);
        return 0;
}

int run_main(int argc, char **argv)
{
        struct run r = { .lock_fd = -1 };

        return run_all(argc, argv, &r);
}

int run_recorder(int argc, char **argv)
{
        struct run r = { .lock_fd = -1, .recorder_only = true };

        return run_all(argc, argv, &r);
}
