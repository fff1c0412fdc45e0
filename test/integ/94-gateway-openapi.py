#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's description and the running server say the same: every route of the table stands in docs/spec/openapi.json and the other
way round, and what is asked is answered with a documented status and a body of the documented form.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, ROOT, Edge, Site, check, main
from page import PASSWORD, Page

DOCUMENT = json.loads((ROOT / "docs/spec/openapi.json").read_text())
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list, "null": type(None)}
# What an example takes: path, then its body.
PLACES = {"name": "cars", "camera": "cars", "person": "Erika", "session": "0" * 32, "stream": "cars-main", "id": "1", "serial": "00", "role": "recorder"}


def routes():
    """{(method, path): (status, query names)} of src/gateway/api_routes.c."""
    source = re.sub(r"\s+", " ", (ROOT / "src/gateway/api_routes.c").read_text().replace('V1 "', '"/api/v1/'))
    found = {}
    for method, path, status, query in re.findall(
            r'\{ "([A-Z]+)", "([^"]+)", (?:NULL|"[^"]*"), [A-Z_0-9| ]+, (\d+), "([^"]*)"', source):
        found[method, path.replace("#", "")] = (int(status), {q.rstrip("#?") for q in query.split()})
    check(len(found) > 50, f"the table is read: {len(found)}")
    return found


def operations():
    return {(method.upper(), path): operation for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()}


def conforms(value, schema, where):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return conforms(value, DOCUMENT["components"]["schemas"][name], f"{where}: {name}")
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds:
        check(any(isinstance(value, KINDS[k]) and not (k == "integer" and isinstance(value, bool)) for k in kinds), f"{where}: {kinds}, not {value!r}")
    if "enum" in schema:
        check(value in schema["enum"], f"{where}: one of {schema['enum']}, not {value!r}")
    if "pattern" in schema and isinstance(value, str):
        check(re.search(schema["pattern"], value), f"{where}: {schema['pattern']}, not {value!r}")
    if isinstance(value, dict):
        for name in schema.get("required", []):
            check(name in value, f"{where}: {name} is missing in {value}")
        for name, member in value.items():
            if name in schema.get("properties", {}):
                conforms(member, schema["properties"][name], f"{where}.{name}")
            else:
                check(schema.get("additionalProperties", True), f"{where}: {name} is not documented")
    if isinstance(value, list) and "items" in schema:
        for i, one in enumerate(value):
            conforms(one, schema["items"], f"{where}[{i}]")
    return value


def answered(method, path, operation, answer):
    """The answer is one of the documented ones."""
    where = f"{method} {path}: {answer.status}"
    if 200 <= answer.status < 300:
        check(str(answer.status) in operation["responses"], f"{where} is documented: {answer.body[:300]}")
    response = operation["responses"].get(str(answer.status), operation["responses"]["default"])
    if "content" not in response:
        check(not answer.body, f"{where}: no body")
        return
    media, form = next(iter(response["content"].items()))
    check(answer.headers["content-type"].split(";")[0] == media, f"{where}: {media}, not {answer.headers['content-type']}")
    if "json" in media:
        conforms(answer.json, form["schema"], where)


def real(path):
    places = {**PLACES, "name": "main"} if "/nodes/" in path else PLACES
    return re.sub(r"\{(\w+)\}", lambda m: places[m.group(1)], path)


def test_table_and_document(_):
    have, told = routes(), operations()
    check(set(have) == set(told), f"the same routes: {set(have) ^ set(told)}")
    for key, (status, query) in have.items():
        operation = told[key]
        documented = {s for s in operation["responses"] if s != "default"}
        check(documented == {str(status)}, f"{key}: {status}, documented {documented}")
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        check(named == query, f"{key}: query {query}, documented {named}")
        places = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        check(places == set(re.findall(r"\{(\w+)\}", key[1])), f"{key}: its path's parameters: {places}")


def test_every_route_answers_as_documented(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        served = page.get("/api/v1/openapi.json", cookie=False)
        check(served.json == DOCUMENT, "the description that is served is the one of the source")
        last = ("DELETE", "/api/v1/session")
        for (method, path), operation in operations().items():
            if "101" in operation["responses"] or (method, path) == last or path.endswith("{person}/sessions"):
                continue
            answer = page.ask(method, real(path))
            answered(method, path, operation, answer)
            if method == "GET" and path not in ("/metrics", "/api/v1/certificates/{serial}", "/api/v1/streams/{stream}/thumbnail",
                                                  "/api/v1/streams/{stream}/snapshot") and not path.startswith("/api/v1/exports/"):
                check(answer.status == 200, f"{method} {path}: {answer.status} {answer.body[:300]}")
            if "requestBody" in operation:
                for body in ({}, {"unknown": 1}):
                    bad = page.ask(method, real(path), body)
                    answered(method, path, operation, bad)
                    check(bad.status < 500, f"{method} {path} {body}: {bad.status}")
            for name in (p["name"] for p in operation.get("parameters", []) if p["in"] == "query" and p["schema"].get("type") == "integer"):
                answer = page.ask(method, real(path) + f"?{name}=x")
                answer.problem(400, "invalid")
        page.post("/api/v1/session/password", {"old": PASSWORD, "new": "x"}).problem(400)
        answered(*last, operations()[last], page.ask(*last))


if __name__ == "__main__":
    main(globals())
