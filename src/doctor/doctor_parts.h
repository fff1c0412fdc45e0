/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of doctor.c's table (doctor_files.c: what lies in the state directory;
 * doctor_processes.c: what runs;
 * doctor_page.c: what people reach; doctor_live.c: what the running system says). For these alone.
 */
#ifndef CUSTOS_DOCTOR_DOCTOR_PARTS_H
#define CUSTOS_DOCTOR_DOCTOR_PARTS_H

#include "doctor/doctor.h"

#define DOCTOR_PATH_MAX 4096

typedef void (*doctor_run)(const struct doctor *d, struct doctor_finding *f);

/* A member that is a text; "" where it is not there or none. */
const char *doctor_member(const json_t *object, const char *name);

/* doctor_files.c */
void doctor_files_state(const struct doctor *d, struct doctor_finding *f);
void doctor_files_site_ca(const struct doctor *d, struct doctor_finding *f);
void doctor_files_node_keys(const struct doctor *d, struct doctor_finding *f);
void doctor_files_seal_key(const struct doctor *d, struct doctor_finding *f);
void doctor_files_wrap_key(const struct doctor *d, struct doctor_finding *f);
void doctor_files_grant_key(const struct doctor *d, struct doctor_finding *f);
void doctor_files_recovery_kit(const struct doctor *d, struct doctor_finding *f);
void doctor_files_footage_key(const struct doctor *d, struct doctor_finding *f);
void doctor_files_audit(const struct doctor *d, struct doctor_finding *f);
void doctor_files_grants_log(const struct doctor *d, struct doctor_finding *f);

/* doctor_processes.c */
void doctor_processes_landlock(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_seccomp(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_privileges(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_core(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_ports(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_memory(const struct doctor *d, struct doctor_finding *f);
void doctor_processes_users(const struct doctor *d, struct doctor_finding *f);

/* doctor_page.c */
void doctor_page_port(const struct doctor *d, struct doctor_finding *f);
void doctor_page_root(const struct doctor *d, struct doctor_finding *f);
void doctor_page_token(const struct doctor *d, struct doctor_finding *f);

/* doctor_live.c */
void doctor_live_clock(const struct doctor *d, struct doctor_finding *f);
void doctor_live_certificates(const struct doctor *d, struct doctor_finding *f);
void doctor_live_recorders(const struct doctor *d, struct doctor_finding *f);
void doctor_live_open(const struct doctor *d, struct doctor_finding *f);
void doctor_live_exceptions(const struct doctor *d, struct doctor_finding *f);
void doctor_live_volumes(const struct doctor *d, struct doctor_finding *f);
void doctor_live_damage(const struct doctor *d, struct doctor_finding *f);
void doctor_live_administrator(const struct doctor *d, struct doctor_finding *f);
void doctor_live_key_store(const struct doctor *d, struct doctor_finding *f);
void doctor_live_setup_code(const struct doctor *d, struct doctor_finding *f);
void doctor_live_page_certificate(const struct doctor *d, struct doctor_finding *f);

#endif
