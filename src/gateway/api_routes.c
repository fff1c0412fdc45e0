/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every route, one row each; docs/spec/openapi.json says the same to others, and a test compares
 * the two. Members are those of docs/spec/link.md, and what a message takes is checked by the
 * manager.
 */
#include "gateway/api_parts.h"

#define V1 "/api/v1/"

const struct api_route api_routes[] = {
        /* by nobody in particular */
        { "GET", "/api/health", NULL, API_OPEN, 200, "", API_WHOLE, "", "", api_own_health },
        { "GET", "/metrics", NULL, API_OPEN, 200, "", API_WHOLE, "", "", api_own_metrics },
        { "GET", "/root.crt", NULL, API_OPEN, 200, "", API_WHOLE, "", "", api_own_root },
        { "GET", V1 "openapi.json", NULL, API_OPEN, 200, "", API_WHOLE, "", "", api_own_openapi },
        { "GET", V1 "setup", "setup.state", API_OPEN, 200, "", API_WHOLE, "", "", NULL },
        { "POST", V1 "setup", "setup.finish", API_OPEN | API_BODY | API_PERSON, 201, "",
                API_SESSION, "", "", NULL },
        { "POST", V1 "session", "session.open", API_OPEN | API_BODY | API_PERSON, 201, "",
                API_SESSION, "", "", NULL },
        /* the own session */
        { "GET", V1 "session", NULL, 0, 200, "", API_WHOLE, "", "", api_own_session },
        { "DELETE", V1 "session", NULL, 0, 204, "", API_EMPTY, "", "", api_own_session },
        { "POST", V1 "session/password", "person.password", API_BODY, 204, "", API_EMPTY, "", "",
                NULL },
        /* people and sessions */
        { "GET", V1 "sessions", "session.list", 0, 200, "after limit#", API_LIST, "sessions",
                "session", NULL },
        { "DELETE", V1 "sessions/{session}", "session.revoke", 0, 200, "", API_WHOLE, "", "",
                NULL },
        { "GET", V1 "people", "person.list", 0, 200, "", API_LIST, "people", "name", NULL },
        { "POST", V1 "people", "person.add", API_BODY, 201, "", API_WHOLE, "", "", NULL },
        { "PATCH", V1 "people/{name}", "person.set", API_BODY, 200, "", API_WHOLE, "", "", NULL },
        { "DELETE", V1 "people/{name}", "person.remove", 0, 204, "", API_EMPTY, "", "", NULL },
        { "DELETE", V1 "people/{person}/sessions", "session.revoke", 0, 200, "", API_WHOLE, "", "",
                NULL },
        /* cameras */
        { "GET", V1 "cameras", "camera.list", 0, 200, "after limit#", API_LIST, "cameras", "name",
                NULL },
        { "POST", V1 "cameras", "camera.add", API_BODY, 201, "", API_MEMBER, "camera", "", NULL },
        { "GET", V1 "cameras/{name}", "camera.show", 0, 200, "", API_MEMBER, "camera", "", NULL },
        { "PATCH", V1 "cameras/{name}", "camera.set", API_BODY, 200, "", API_MEMBER, "camera", "",
                NULL },
        { "DELETE", V1 "cameras/{name}", "camera.remove", 0, 204, "", API_EMPTY, "", "", NULL },
        { "POST", V1 "cameras/{name}/certificate", "camera.certificate", API_BODY, 201, "",
                API_WHOLE, "", "", NULL },
        { "DELETE", V1 "cameras/{name}/certificate", "camera.revoke", 0, 200, "", API_WHOLE, "", "",
                NULL },
        { "DELETE", V1 "cameras/{name}/tls-memory", "camera.clear_tls_memory", 0, 204, "",
                API_EMPTY, "", "", NULL },
        { "PUT", V1 "cameras/{camera}/event", "event.start", API_BODY, 204, "", API_EMPTY, "", "",
                NULL },
        { "DELETE", V1 "cameras/{camera}/event", "event.stop", 0, 204, "stream source", API_EMPTY,
                "", "", NULL },
        { "GET", V1 "cameras/{camera}/timeline", "timeline.get", 0, 200,
                "stream recorder from to parts#", API_WHOLE, "", "", NULL },
        /* streams */
        { "GET", V1 "status", "status", 0, 200, "recorder after limit#", API_WHOLE, "", "", NULL },
        { "GET", V1 "streams", "status", 0, 200, "recorder after limit#", API_LIST,
                "recorder.streams", "stream", NULL },
        { "GET", V1 "streams/{stream}/live", NULL, API_ORIGIN, 101, "", API_WHOLE, "", "",
                api_own_live },
        { "GET", V1 "streams/{stream}/playback", NULL, API_ORIGIN, 101, "from until keys_only?",
                API_WHOLE, "", "", api_own_playback },
        /* storage */
        { "GET", V1 "storage", "storage.list", 0, 200, "recorder after limit#", API_WHOLE, "", "",
                NULL },
        { "GET", V1 "storage/damage", "storage.damage", 0, 200, "recorder after# limit#", API_LIST,
                "segments", "number", NULL },
        { "POST", V1 "storage/volumes", "storage.add", API_BODY, 201, "", API_WHOLE, "", "", NULL },
        { "PATCH", V1 "storage/volumes/{name}", "storage.set", API_BODY, 204, "", API_EMPTY, "", "",
                NULL },
        { "POST", V1 "storage/volumes/{name}/retire", "storage.retire", API_BODY, 204, "",
                API_EMPTY, "", "", NULL },
        { "GET", V1 "locks", "lock.list", 0, 200, "recorder after limit#", API_LIST, "locks", "id",
                NULL },
        { "POST", V1 "locks", "lock.add", API_BODY, 201, "", API_WHOLE, "", "", NULL },
        { "DELETE", V1 "locks/{id}", "lock.remove", 0, 204, "reason recorder", API_EMPTY, "", "",
                NULL },
        /* the site */
        { "GET", V1 "nodes", "node.list", 0, 200, "role", API_LIST, "nodes", "name", NULL },
        { "POST", V1 "nodes", "node.add", API_BODY, 201, "", API_WHOLE, "", "", NULL },
        { "GET", V1 "nodes/{role}/{name}", "node.show", 0, 200, "", API_MEMBER, "node", "", NULL },
        { "POST", V1 "nodes/{role}/{name}/revoke", "node.revoke", API_BODY, 200, "", API_WHOLE, "",
                "", NULL },
        { "DELETE", V1 "nodes/{role}/{name}", "node.remove", 0, 204, "", API_EMPTY, "", "", NULL },
        { "GET", V1 "certificates", "certificate.list", 0, 200, "after limit#", API_LIST,
                "certificates", "serial", NULL },
        { "POST", V1 "certificates", "certificate.sign", API_BODY, 201, "", API_WHOLE, "", "",
                NULL },
        { "GET", V1 "certificates/watch", "certificate.watch", 0, 200, "after#", API_LIST,
                "certificates", "#", NULL },
        { "DELETE", V1 "certificates/{serial}", "certificate.revoke", 0, 200, "", API_WHOLE, "", "",
                NULL },
        { "GET", V1 "doctor", "doctor.run", 0, 200, "", API_WHOLE, "", "", NULL },
        { "GET", V1 "links", "security.links", 0, 200, "recorder after limit#", API_LIST, "links",
                "", NULL },
        { "GET", V1 "roots", "trust.list", 0, 200, "", API_LIST, "roots", "id", NULL },
        { "POST", V1 "roots", "trust.add", API_BODY, 201, "", API_MEMBER, "root", "", NULL },
        { "DELETE", V1 "roots/{id#}", "trust.remove", 0, 200, "", API_MEMBER, "root", "", NULL },
        { "GET", V1 "site", "site.root", 0, 200, "", API_WHOLE, "", "", NULL },
};
const size_t api_routes_n = ARRAY_LEN(api_routes);
