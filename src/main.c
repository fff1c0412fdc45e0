/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of subcommands. Roles are started by the supervisor, or by hand on a host of their own.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli_audit.h"
#include "cli/cli_backup.h"
#include "cli/cli_camera.h"
#include "cli/cli_certificate.h"
#include "cli/cli_doctor.h"
#include "cli/cli_enroll.h"
#include "cli/cli_errors.h"
#include "cli/cli_event.h"
#include "cli/cli_export.h"
#include "cli/cli_keys.h"
#include "cli/cli_lock.h"
#include "cli/cli_node.h"
#include "cli/cli_person.h"
#include "cli/cli_security.h"
#include "cli/cli_settings.h"
#include "cli/cli_status.h"
#include "cli/cli_timeline.h"
#include "cli/cli_storage.h"
#include "cli/cli_vault.h"
#include "cli/cli_verify.h"
#include "cli/cli_trust.h"
#include "cli/cli_version.h"
#include "edge/cli_edge.h"
#include "gateway/gateway.h"
#include "manager/manager.h"
#include "net/link.h"
#include "porter/porter.h"
#include "probe/prober.h"
#include "recorder/connector.h"
#include "recorder/parent.h"
#include "recorder/player.h"
#include "recorder/scrubber.h"
#include "recorder/sealer.h"
#include "recorder/volume_role.h"
#include "recorder/worker.h"
#include "run/run.h"
#include "transcoder/transcoder.h"

/* The role where a supervisor starts it; else a supervisor with that role alone. */
static bool main_is_supervised(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--supervised") == 0)
                        return true;
        }
        return false;
}

static int main_manager(int argc, char **argv)
{
        return main_is_supervised(argc, argv) ? manager_main(argc, argv) : run_manager(argc, argv);
}

static int main_gateway(int argc, char **argv)
{
        return main_is_supervised(argc, argv) ? gateway_main(argc, argv) : run_gateway(argc, argv);
}

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *text; /* NULL: started by the supervisor, not by people */
} main_commands[] = {
        { "run", run_main, "start Custos here: everything in one, with --demo two cameras too" },
        { "manager", main_manager, "the manager alone, with recorders that run apart" },
        { "recorder", run_recorder, "the recorder alone, with a manager that runs apart" },
        { "gateway", main_gateway, "the gateway alone: the page and the API for people" },
        { "enroll", cli_enroll, "make this host a node of a site, with a code of its manager" },
        { "status", cli_status, "what is recorded, and how it is protected" },
        { "camera", cli_camera, "add, set, list, show, remove cameras; their certificates" },
        { "certificate", cli_certificate, "sign, list, revoke: what the site's issuers made" },
        { "backup", cli_backup, "one file with what makes the site on another machine" },
        { "restore", cli_restore, "makes the site again from a backup and the recovery kit" },
        { "trust", cli_trust, "add, list, remove: roots of others, each for one purpose" },
        { "storage", cli_storage, "list, status, add, set, retire, damage: the disks" },
        { "lock", cli_lock, "add, list, remove: footage that nothing removes" },
        { "timeline", cli_timeline, "what is recorded of a camera, what is missing and why" },
        { "event", cli_event, "start, stop: what cameras in the mode event are recorded for" },
        { "node", cli_node, "add, list, show, revoke, remove: recorders and gateways elsewhere" },
        { "person", cli_person, "add, list, set, remove, setup: who may sign in" },
        { "session", cli_person_session, "list, revoke: who is signed in" },
        { "doctor", cli_doctor, "every control of this host, as pass or fail with the remedy" },
        { "security", cli_security, "links, path: every connection, and who could read it" },
        { "audit", cli_audit, "show, verify: who was let in how, and when" },
        { "export", cli_export, "a clip that plays anywhere and proves itself" },
        { "verify", cli_verify, "prove an export, a segment or a vault, offline" },
        { "vault", cli_vault, "check, rebuild, ls: the recordings on disk" },
        { "keys", cli_keys, "show, recovery-kit: keys of footage" },
        { "edge", cli_edge, "cameras from files, over RTSPS" },
        { "errors", cli_errors, "what can go wrong with a camera, and what to do about it" },
        { "settings", cli_settings, "the settings, as help, example file or Markdown" },
        { "version", cli_version, "version and libraries" },
        { "parent", parent_main, NULL },
        { "connector", connector_main, NULL },
        { "sealer", sealer_main, NULL },
        { "worker", worker_main, NULL },
        { "volume", volume_role_main, NULL },
        { "scrubber", scrubber_main, NULL },
        { "player", player_main, NULL },
        { "prober", prober_main, NULL },
        { "porter", porter_main, NULL },
        { "transcoder", transcoder_main, NULL },
};

static void main_help(FILE *to)
{
        fprintf(to, "custos: a video management system that can itself be checked.\n\n");
        for (size_t i = 0; i < ARRAY_LEN(main_commands); i++) {
                if (main_commands[i].text)
                        fprintf(to, "  custos %-11s %s\n", main_commands[i].name,
                                main_commands[i].text);
        }
        fprintf(to, "\ncustos COMMAND --help says more.\n");
}

int main(int argc, char **argv)
{
        const char *name = argc > 1 ? argv[1] : "";

        link_json_wiped();
        for (size_t i = 0; i < ARRAY_LEN(main_commands); i++) {
                if (strcmp(name, main_commands[i].name) == 0)
                        return main_commands[i].run(argc - 1, argv + 1);
        }
        if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
                main_help(stdout);
                return 0;
        }
        if (strcmp(name, "--version") == 0)
                return cli_version(1, argv);
        if (name[0])
                fprintf(stderr, "custos: there is no command %s\nTry: custos --help\n", name);
        else
                main_help(stderr);
        return 64;
}
