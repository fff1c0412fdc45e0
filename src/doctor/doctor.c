/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "doctor/doctor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor/doctor_parts.h"

static const struct {
        const char *name;
        doctor_run run;
        bool site; /* what the manager sees */
} doctor_table[] = {
        { "state-directory", doctor_files_state },
        { "site-ca", doctor_files_site_ca },
        { "node-keys", doctor_files_node_keys },
        { "seal-key", doctor_files_seal_key },
        { "wrap-key", doctor_files_wrap_key },
        { "grant-key", doctor_files_grant_key },
        { "recovery-kit", doctor_files_recovery_kit },
        { "footage-key", doctor_files_footage_key },
        { "audit-log", doctor_files_audit },
        { "grants-log", doctor_files_grants_log },
        { "landlock", doctor_processes_landlock },
        { "seccomp", doctor_processes_seccomp },
        { "privileges", doctor_processes_privileges },
        { "core-dumps", doctor_processes_core },
        { "users", doctor_processes_users },
        { "ports", doctor_processes_ports },
        { "page", doctor_page_port },
        { "page-root", doctor_page_root },
        { "metrics-token", doctor_page_token },
        { "clock", doctor_live_clock },
        { "administrator", doctor_live_administrator, true },
        { "setup-code", doctor_live_setup_code, true },
        { "key-store", doctor_live_key_store, true },
        { "page-certificate", doctor_live_page_certificate, true },
        { "certificates", doctor_live_certificates, true },
        { "recorders", doctor_live_recorders, true },
        { "encryption", doctor_live_open, true },
        { "exceptions", doctor_live_exceptions, true },
        { "volumes", doctor_live_volumes, true },
        { "damage", doctor_live_damage, true },
        /* Last: it gives up this process's capabilities. */
        { "memory", doctor_processes_memory },
};

const char *doctor_verdict_name(enum doctor_verdict v)
{
        static const char *const names[] = { "pass", "note", "unknown", "fail" };

        return names[v];
}

unsigned doctor_checks(void)
{
        return ARRAY_LEN(doctor_table);
}

bool doctor_is_of_site(unsigned n)
{
        return doctor_table[n].site;
}

const char *doctor_member(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text ? text : "";
}

void doctor_check(const struct doctor *d, unsigned n, struct doctor_finding *ret)
{
        *ret = (struct doctor_finding){ .name = doctor_table[n].name };
        doctor_table[n].run(d, ret);
        assert(ret->text[0]);
}

void doctor_pass(struct doctor_finding *f, const char *fmt, ...)
{
        va_list args;

        if (f->verdict != DOCTOR_PASS)
                return;
        va_start(args, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, args);
        va_end(args);
}

void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *remedy,
        const char *fmt, ...)
{
        va_list args;

        if (verdict == f->verdict && f->text[0])
                f->more++;
        if (verdict <= f->verdict && f->text[0])
                return;
        f->verdict = verdict;
        f->more = 0;
        snprintf(f->remedy, sizeof f->remedy, "%s", remedy);
        va_start(args, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, args);
        va_end(args);
}

/* --- as JSON --- */

static json_t *doctor_text(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

json_t *doctor_json(const struct doctor_finding *f)
{
        return json_pack("{s:s, s:s, s:o, s:o, s:I}", "check", f->name, "verdict",
                doctor_verdict_name(f->verdict), "text", doctor_text(f->text), "remedy",
                doctor_text(f->remedy), "more", (json_int_t)f->more);
}

const char *doctor_sum(const json_t *checks)
{
        enum doctor_verdict worst = DOCTOR_PASS;
        json_t *one;
        size_t i;

        json_array_foreach(checks, i, one)
        {
                for (enum doctor_verdict v = DOCTOR_UNKNOWN; v <= DOCTOR_FAIL; v++) {
                        if (strcmp(doctor_member(one, "verdict"), doctor_verdict_name(v)) == 0 &&
                                v > worst)
                                worst = v;
                }
        }
        return doctor_verdict_name(worst);
}

void doctor_take(const json_t *checks, unsigned n, struct doctor_finding *ret)
{
        json_t *one;
        size_t i;

        *ret = (struct doctor_finding){ .name = doctor_table[n].name };
        json_array_foreach(checks, i, one)
        {
                if (strcmp(doctor_member(one, "check"), ret->name) != 0)
                        continue;
                for (enum doctor_verdict v = DOCTOR_PASS; v <= DOCTOR_FAIL; v++) {
                        if (strcmp(doctor_member(one, "verdict"), doctor_verdict_name(v)) == 0)
                                doctor_say(ret, v, doctor_member(one, "remedy"), "%s",
                                        doctor_member(one, "text"));
                }
                ret->more = (unsigned)json_integer_value(json_object_get(one, "more"));
        }
        if (!ret->text[0])
                doctor_say(ret, DOCTOR_UNKNOWN, "Start Custos: custos run.",
                        "the manager does not answer");
}
