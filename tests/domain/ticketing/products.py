"""One row per product that cannot run here: how it is connected, and its contract as the vendor documents it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.domain.ticketing.fakes import (
    NUMBER,
    TEXT,
    Answer,
    Fake,
    Kept,
    Request,
    acting,
    basic,
    changing,
    listed,
    optional,
    shape,
)

MOMENT = "2026-11-24T12:00:00Z"


@dataclass(frozen=True)
class Product:
    name: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, str]
    target: Mapping[str, Any]
    fake: Callable[[], Fake]
    done: str
    """Its word for done, as its fake keeps it."""


# --- ConnectWise PSA --------------------------------------------------------------------------------------------------

_CW = "/v4_6_release/apis/3.0/service/tickets"


def _cw(kept: Kept) -> dict[str, Any]:
    status = {"id": 1, "name": kept.status}
    return {"id": kept.number, "summary": kept.title, "status": status, "closedFlag": kept.status == ">Closed",
            "externalXRef": kept.external, "_info": {"lastUpdated": MOMENT}}  # fmt: skip


def _cw_patch(kept: Kept, operations: Any) -> None:
    for each in operations:
        if each["path"] == "status/name":
            kept.status = each["value"]


def _cw_list(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = re.fullmatch(r'externalXRef="([^"]+)"', request.query["conditions"])
    if found:
        return 200, [_cw(each) for each in fake.by_external(found[1])]
    if not re.fullmatch(r"lastUpdated>=\[[0-9T:Z-]+\] and externalXRef!=null", request.query["conditions"]):
        fake.faults.append(f"conditions: {request.query['conditions']}")
    return 200, [_cw(each) for each in fake.tickets.values()]


def _connectwise() -> Fake:
    ref = optional(**shape(id=NUMBER))
    return Fake(
        headers={
            "authorization": basic("acme+pub:priv"),
            "clientid": "client-id",
            "accept": "application/vnd.connectwise.com+json; version=2025.16",
        },
        routes={
            f"POST {_CW}": lambda fake, request, _: (
                201, _cw(fake.keep(request.json["externalXRef"], request.json["summary"], "New"))
            ),
            f"GET {_CW}": _cw_list,
            rf"GET {_CW}/(?P<id>\d+)": acting(lambda _, __, kept: (200, _cw(kept))),
            rf"PATCH {_CW}/(?P<id>\d+)": changing(_cw_patch, 200, _cw),
            rf"POST {_CW}/(?P<id>\d+)/notes": changing(lambda kept, body: kept.comments.append(body["text"]), 201, _cw),
            rf"GET {_CW}/(?P<id>\d+)/notes": acting(
                lambda _, __, kept: (
                    200, [{"id": n, "text": text, "createdBy": "ann"} for n, text in enumerate(kept.comments, 1)]
                )
            ),
        },
        shapes={
            f"POST {_CW}": shape(
                summary={"type": "string", "maxLength": 100}, company=shape(id=NUMBER), initialDescription=optional(**TEXT),
                site=ref, board=ref, contact=ref, type=ref, priority=ref, requiredDate=optional(**TEXT), externalXRef=TEXT,
            ),
            rf"PATCH {_CW}/(?P<id>\d+)": {
                "type": "array", "minItems": 1,
                "items": shape(op={"enum": ["add", "replace", "remove"]}, path=TEXT, value={}),
            },
            rf"POST {_CW}/(?P<id>\d+)/notes": shape(
                text=TEXT, detailDescriptionFlag={"type": "boolean"}, internalAnalysisFlag={"type": "boolean"},
                resolutionFlag={"type": "boolean"},
            ),
        },
    )  # fmt: skip


# --- Autotask ---------------------------------------------------------------------------------------------------------

_AT = "/ATServicesRest/V1.0"


def _at(kept: Kept) -> dict[str, Any]:
    return {"id": kept.number, "title": kept.title, "status": int(kept.status), "externalID": kept.external,
            "lastActivityDate": "2026-11-24T12:00:00.000Z"}  # fmt: skip


def _at_query(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    wanted = next((each["value"] for each in request.json["filter"] if each["field"] == "externalID" and "value" in each), None)
    found = fake.by_external(wanted) if wanted else list(fake.tickets.values())
    return 200, {"items": [_at(each) for each in found], "pageDetails": {"count": len(found)}}


def _at_patch(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    kept = fake.tickets[request.json["id"]]
    kept.status = str(request.json.get("status", kept.status))
    return 200, {"itemId": kept.number}


def _at_notes(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    kept = fake.tickets[request.json["filter"][0]["value"]]
    return 200, {"items": [{"id": n, "description": text} for n, text in enumerate(kept.comments, 1)]}


def _autotask() -> Fake:
    condition = shape(op={"enum": ["eq", "gt", "gte", "exist"]}, field=TEXT, value=optional())
    query = shape(MaxRecords={"maximum": 500}, filter={"type": "array", "minItems": 1, "items": condition})
    return Fake(
        headers={"apiintegrationcode": "code", "username": "api@msp", "secret": "s3cret"},
        routes={
            f"GET {_AT}/zoneInformation": lambda fake, request, _: (
                200, {"url": f"http://127.0.0.1:{fake.port}/ATServicesRest/", "zoneName": "x"}
            ),
            f"POST {_AT}/Tickets": lambda fake, request, _: (
                200, {"itemId": fake.keep(request.json["externalID"], request.json["title"], "1").number}
            ),
            f"POST {_AT}/Tickets/query": _at_query,
            f"PATCH {_AT}/Tickets": _at_patch,
            rf"GET {_AT}/Tickets/(?P<id>\d+)": acting(lambda _, __, kept: (200, {"item": _at(kept)})),
            rf"POST {_AT}/Tickets/(?P<id>\d+)/Notes": changing(
                lambda kept, body: kept.comments.append(body["description"]), 200, lambda kept: {"itemId": len(kept.comments)}
            ),
            f"POST {_AT}/TicketNotes/query": _at_notes,
        },
        shapes={
            f"POST {_AT}/Tickets": shape(
                companyID=NUMBER, title=TEXT, status=NUMBER, priority=NUMBER, queueID=NUMBER, externalID=TEXT,
                description=optional(**TEXT), dueDateTime=optional(**TEXT), companyLocationID=optional(**NUMBER),
                contactID=optional(**NUMBER), ticketType=optional(**NUMBER),
            ),
            f"PATCH {_AT}/Tickets": {"type": "object", "required": ["id"], "properties": {"id": NUMBER, "status": NUMBER}},
            f"POST {_AT}/Tickets/query": query,
            f"POST {_AT}/TicketNotes/query": query,
            rf"POST {_AT}/Tickets/(?P<id>\d+)/Notes": shape(title=TEXT, description=TEXT, noteType=NUMBER, publish=NUMBER),
        },
    )  # fmt: skip


# --- HaloPSA ----------------------------------------------------------------------------------------------------------


def _halo(kept: Kept) -> dict[str, Any]:
    return {"id": kept.number, "summary": kept.title, "status_id": int(kept.status), "last_update": MOMENT}


def _halo_post(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    ticket = request.json[0]
    if "id" not in ticket:
        external = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", ticket["details"])
        return 201, _halo(fake.keep(external[0] if external else "", ticket["summary"], "1"))
    kept = fake.tickets[ticket["id"]]
    kept.status = str(ticket.get("status_id", kept.status))
    return 201, _halo(kept)


def _halo_note(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    fake.tickets[request.json[0]["ticket_id"]].comments.append(request.json[0]["note"])
    return 201, {"id": 1}


def _halo_list(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = fake.by_external(request.query["search"]) if "search" in request.query else list(fake.tickets.values())
    return 200, {"record_count": len(found), "tickets": [_halo(each) for each in found]}


def _halo_token(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    form = "grant_type=client_credentials&client_id=id&client_secret=s3cret&scope=all"
    if (request.raw.decode(), request.query.get("tenant")) != (form, "acme"):
        fake.faults.append(f"token: {request.raw!r}")
    return 200, {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}


def _halopsa() -> Fake:
    ticket = {"type": "object", "properties": {"summary": TEXT, "client_id": NUMBER, "id": NUMBER, "status_id": NUMBER}}
    one = {"type": "array", "minItems": 1, "maxItems": 1, "items": ticket}
    return Fake(
        headers={"authorization": "Bearer t0ken"},
        open_to_all=frozenset({"POST /auth/token"}),
        routes={
            "POST /auth/token": _halo_token,
            "POST /api/Tickets": _halo_post,
            "GET /api/Tickets": _halo_list,
            r"GET /api/Tickets/(?P<id>\d+)": acting(lambda _, __, kept: (200, {**_halo(kept), "details": kept.external})),
            "POST /api/Actions": _halo_note,
            "GET /api/Actions": lambda fake, request, _: (
                200, {"actions": [
                    {"id": n, "note": text, "who": "Ann"}
                    for n, text in enumerate(fake.tickets[int(request.query["ticket_id"])].comments, 1)
                ]}
            ),
        },
        shapes={
            "POST /api/Tickets": one,
            "POST /api/Actions": {"type": "array", "minItems": 1, "items": shape(
                ticket_id=NUMBER, note=TEXT, outcome_id=NUMBER, hiddenfromuser={"type": "boolean"}
            )},
        },
    )  # fmt: skip


# --- Jira Cloud -------------------------------------------------------------------------------------------------------

_CATEGORY = {"To Do": "new", "Doing": "indeterminate", "Done": "done"}


def _jira(kept: Kept) -> dict[str, Any]:
    status = {"name": kept.status, "statusCategory": {"key": _CATEGORY[kept.status]}}
    labels = [f"bitewing-{kept.external}"]
    fields = {"status": status, "labels": labels, "updated": "2026-11-24T12:00:00.000+0000"}
    return {"id": str(kept.number), "key": f"P-{kept.number}", "fields": fields}


def _jira_search(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = re.fullmatch(r'labels = "bitewing-([^"]+)"', request.json["jql"])
    return 200, {"issues": [_jira(each) for each in (fake.by_external(found[1]) if found else fake.tickets.values())]}


def _jira_go(kept: Kept, body: Any) -> None:
    kept.status = list(_CATEGORY)[int(body["transition"]["id"]) - 1]


def _jira_cloud() -> Fake:
    adf = shape(type={"const": "doc"}, version={"const": 1}, content={"type": "array"})
    ways = [
        {"id": str(n), "to": {"name": name, "statusCategory": {"key": _CATEGORY[name]}}} for n, name in enumerate(_CATEGORY, 1)
    ]
    issue = r"/rest/api/3/issue/(?P<id>\d+)"
    return Fake(
        headers={"authorization": basic("api@msp.example.com:t0ken")},
        routes={
            "POST /rest/api/3/issue": lambda fake, request, _: (
                201, {"id": str(fake.keep(
                    request.json["fields"]["labels"][0].removeprefix("bitewing-"), request.json["fields"]["summary"], "To Do"
                ).number), "key": "P-1"}
            ),
            "POST /rest/api/3/search/jql": _jira_search,
            f"GET {issue}": acting(lambda _, __, kept: (200, _jira(kept))),
            f"PUT {issue}": changing(lambda kept, body: None, 204, None),
            f"GET {issue}/transitions": acting(lambda _, __, ___: (200, {"transitions": ways})),
            f"POST {issue}/transitions": changing(_jira_go, 204, None),
            f"POST {issue}/comment": changing(
                lambda kept, body: kept.comments.append(body["body"]), 201, lambda _: {"id": "1"}
            ),
            f"GET {issue}/comment": acting(
                lambda _, __, kept: (200, {"total": len(kept.comments), "comments": [
                    {"id": str(n), "body": text, "author": {"displayName": "Ann"}} for n, text in enumerate(kept.comments, 1)
                ]})
            ),
        },
        shapes={
            "POST /rest/api/3/issue": shape(fields=shape(
                project=shape(key=TEXT), issuetype=shape(name=TEXT), summary={"type": "string", "maxLength": 255},
                description=adf, labels={"type": "array", "items": {"type": "string", "pattern": "^\\S+$"}},
                priority=optional(**shape(name=TEXT)), duedate=optional(type="string", pattern=r"^\d{4}-\d\d-\d\d$"),
            )),
            f"POST {issue}/transitions": shape(transition=shape(id=TEXT)),
            f"POST {issue}/comment": shape(body=adf),
            "POST /rest/api/3/search/jql": shape(
                jql=TEXT, fields={"type": "array"}, maxResults={"maximum": 100}, nextPageToken=optional(**TEXT)
            ),
        },
    )  # fmt: skip


# --- Zendesk ----------------------------------------------------------------------------------------------------------


def _zendesk_one(kept: Kept) -> dict[str, Any]:
    return {"id": kept.number, "subject": kept.title, "status": kept.status, "external_id": kept.external, "updated_at": MOMENT}


def _zendesk_put(kept: Kept, body: Any) -> None:
    kept.status = body["ticket"].get("status", kept.status)
    if "comment" in body["ticket"]:
        kept.comments.append(body["ticket"]["comment"]["body"])


def _zendesk() -> Fake:
    comment = shape(body=TEXT, public={"const": False})
    return Fake(
        headers={"authorization": basic("api@msp.example.com/token:t0ken")},
        routes={
            "POST /api/v2/tickets": lambda fake, request, _: (
                201, {"ticket": _zendesk_one(
                    fake.keep(request.json["ticket"]["external_id"], request.json["ticket"]["subject"], "new")
                )}
            ),
            "GET /api/v2/tickets": lambda fake, request, _: (
                200, {"tickets": [_zendesk_one(each) for each in fake.by_external(request.query["external_id"])]}
            ),
            r"GET /api/v2/tickets/(?P<id>\d+)": acting(lambda _, __, kept: (200, {"ticket": _zendesk_one(kept)})),
            r"PUT /api/v2/tickets/(?P<id>\d+)": changing(_zendesk_put, 200, lambda kept: {"ticket": _zendesk_one(kept)}),
            r"GET /api/v2/tickets/(?P<id>\d+)/comments": acting(
                lambda _, __, kept: (200, {"meta": {"has_more": False}, "comments": [
                    {"id": n, "body": text, "plain_body": text} for n, text in enumerate(["the text", *kept.comments])
                ]})
            ),
            "GET /api/v2/incremental/tickets/cursor": listed(
                lambda all: {"tickets": [_zendesk_one(each) for each in all], "end_of_stream": True, "after_cursor": None}
            ),
        },
        shapes={
            "POST /api/v2/tickets": shape(ticket=shape(
                subject={"type": "string", "maxLength": 150}, comment=comment, external_id=TEXT,
                priority=optional(enum=["urgent", "high", "normal", "low"]), requester=optional(**shape(email=TEXT, name=TEXT)),
                group_id=optional(**NUMBER), organization_id=optional(**NUMBER),
                type=optional(enum=["problem", "incident", "question", "task"]), due_at=optional(**TEXT),
            )),
            r"PUT /api/v2/tickets/(?P<id>\d+)": shape(ticket=shape(
                subject=optional(**TEXT), comment=optional(**comment), priority=optional(**TEXT), due_at=optional(**TEXT),
                status=optional(enum=["new", "open", "pending", "hold", "solved"]),
            )),
        },
    )  # fmt: skip


# --- ServiceNow -------------------------------------------------------------------------------------------------------

_SN = "/api/now/table/incident"


def _incident(kept: Kept) -> dict[str, Any]:
    return {"sys_id": str(kept.number), "number": f"INC{kept.number}", "state": kept.status, "correlation_id": kept.external,
            "sys_updated_on": "2026-11-24 12:00:00"}  # fmt: skip


def _sn_patch(kept: Kept, body: Any) -> None:
    kept.status = body.get("state", kept.status)
    if "work_notes" in body:
        kept.comments.append(body["work_notes"])


def _sn_list(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = re.fullmatch(r"correlation_id=(\S+)", request.query["sysparm_query"])
    shown = fake.by_external(found[1]) if found else fake.tickets.values()
    start, most = int(request.query["sysparm_offset"]), int(request.query["sysparm_limit"])
    return 200, {"result": [_incident(each) for each in list(shown)[start : start + most]]}


def _sn_journal(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = re.match(r"element_id=(\d+)\^elementINcomments,work_notes", request.query["sysparm_query"])
    assert found
    said = fake.tickets[int(found[1])].comments
    return 200, {"result": [{"sys_id": str(n), "value": text, "sys_created_by": "ann"} for n, text in enumerate(said, 1)]}


def _servicenow() -> Fake:
    urgency = optional(enum=["1", "2", "3"])
    closing = {"if": {"properties": {"state": {"const": "6"}}, "required": ["state"]},
               "then": {"required": ["close_code", "close_notes"]}}  # fmt: skip
    return Fake(
        headers={"authorization": basic("api:s3cret"), "accept": "application/json"},
        routes={
            f"POST {_SN}": lambda fake, request, _: (
                201, {"result": _incident(fake.keep(request.json["correlation_id"], request.json["short_description"], "1"))}
            ),
            f"GET {_SN}": _sn_list,
            rf"GET {_SN}/(?P<id>\d+)": acting(lambda _, __, kept: (200, {"result": _incident(kept)})),
            rf"PATCH {_SN}/(?P<id>\d+)": changing(_sn_patch, 200, lambda kept: {"result": _incident(kept)}),
            "GET /api/now/table/sys_journal_field": _sn_journal,
        },
        shapes={
            f"POST {_SN}": shape(
                short_description={"type": "string", "maxLength": 160}, description=TEXT, urgency=urgency, impact=urgency,
                due_date=optional(**TEXT), correlation_id=TEXT, correlation_display=TEXT, caller_id=optional(**TEXT),
                company=optional(**TEXT), assignment_group=optional(**TEXT), category=optional(**TEXT),
            ),
            rf"PATCH {_SN}/(?P<id>\d+)": {"type": "object", "minProperties": 1, **closing},
        },
    )  # fmt: skip


# --- Freshservice -----------------------------------------------------------------------------------------------------


def _fresh(kept: Kept) -> dict[str, Any]:
    return {"id": kept.number, "subject": kept.title, "status": int(kept.status), "tags": [f"bitewing-{kept.external}"],
            "updated_at": MOMENT}  # fmt: skip


def _fresh_filter(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = re.fullmatch(r"\"tag:'bitewing-([^']+)'\"", request.query["query"])
    assert found, request.query["query"]
    return 200, {"tickets": [_fresh(each) for each in fake.by_external(found[1])]}


def _fresh_put(kept: Kept, body: Any) -> None:
    kept.status = str(body.get("status", kept.status))


def _freshservice() -> Fake:
    return Fake(
        headers={"authorization": basic("k3y:X")},
        routes={
            "POST /api/v2/tickets": lambda fake, request, _: (
                201, {"ticket": _fresh(
                    fake.keep(request.json["tags"][0].removeprefix("bitewing-"), request.json["subject"], "2")
                )}
            ),
            "GET /api/v2/tickets/filter": _fresh_filter,
            "GET /api/v2/tickets": listed(lambda all: {"tickets": [_fresh(each) for each in all]}),
            r"GET /api/v2/tickets/(?P<id>\d+)": acting(lambda _, __, kept: (200, {"ticket": _fresh(kept)})),
            r"PUT /api/v2/tickets/(?P<id>\d+)": changing(_fresh_put, 200, lambda kept: {"ticket": _fresh(kept)}),
            r"POST /api/v2/tickets/(?P<id>\d+)/notes": changing(
                lambda kept, body: kept.comments.append(body["body"].replace("<br>", "\n")), 201, lambda _: {"conversation": {}}
            ),
            r"GET /api/v2/tickets/(?P<id>\d+)/conversations": acting(
                lambda _, __, kept: (
                    200, {"conversations": [{"id": n, "body_text": text} for n, text in enumerate(kept.comments, 1)]}
                )
            ),
        },
        shapes={
            "POST /api/v2/tickets": shape(
                subject=TEXT, description=TEXT, email=TEXT, status={"enum": [2, 3, 4, 5]}, priority={"enum": [1, 2, 3, 4]},
                source=NUMBER, tags={"type": "array"}, due_by=optional(**TEXT), workspace_id=optional(**NUMBER),
                group_id=optional(**NUMBER), department_id=optional(**NUMBER), category=optional(**TEXT),
            ),
            r"POST /api/v2/tickets/(?P<id>\d+)/notes": shape(body=TEXT, private={"const": True}),
        },
    )  # fmt: skip


# --- Redmine ----------------------------------------------------------------------------------------------------------


def _redmine_one(kept: Kept) -> dict[str, Any]:
    status = {"id": int(kept.status), "name": "x"}
    return {"id": kept.number, "subject": kept.title, "status": status, "updated_on": MOMENT,
            "custom_fields": [{"id": 7, "name": "Bitewing", "value": kept.external}]}  # fmt: skip


def _redmine_put(kept: Kept, body: Any) -> None:
    kept.status = str(body["issue"].get("status_id", kept.status))
    if "notes" in body["issue"]:
        kept.comments.append(body["issue"]["notes"].replace("\n", "\r\n"))


def _redmine_list(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    if request.query.get("status_id") != "*":
        fake.faults.append("without status_id=* closed issues are left out")
    found = fake.by_external(request.query["cf_7"]) if "cf_7" in request.query else list(fake.tickets.values())
    return 200, {"issues": [_redmine_one(each) for each in found], "total_count": len(found), "offset": 0, "limit": 100}


def _redmine_show(_: Fake, request: Request, kept: Kept) -> Answer:
    journals = [{"id": n, "notes": text, "user": {"name": "Ann"}} for n, text in enumerate(kept.comments, 1)]
    more = {"journals": journals} if request.query.get("include") == "journals" else {}
    return 200, {"issue": {**_redmine_one(kept), **more}}


def _redmine() -> Fake:
    return Fake(
        headers={"x-redmine-api-key": "k3y"},
        routes={
            "POST /issues.json": lambda fake, request, _: (
                201, {"issue": _redmine_one(fake.keep(
                    request.json["issue"]["custom_fields"][0]["value"], request.json["issue"]["subject"], "1"
                ))}
            ),
            "GET /issues.json": _redmine_list,
            r"GET /issues/(?P<id>\d+)\.json": acting(_redmine_show),
            r"PUT /issues/(?P<id>\d+)\.json": changing(_redmine_put, 204, None),
        },
        shapes={
            "POST /issues.json": shape(issue=shape(
                project_id=TEXT, subject={"type": "string", "maxLength": 255}, description=TEXT,
                tracker_id=optional(**NUMBER), assigned_to_id=optional(**NUMBER), priority_id=optional(**NUMBER),
                due_date=optional(type="string", pattern=r"^\d{4}-\d\d-\d\d$"),
                custom_fields={"type": "array", "items": shape(id=NUMBER, value=TEXT)},
            )),
        },
    )  # fmt: skip


# --- any other product ------------------------------------------------------------------------------------------------


def _other_one(kept: Kept) -> dict[str, Any]:
    return {"number": kept.number, "phase": kept.status, "ref": kept.external}


def _other_list(fake: Fake, request: Request, _: re.Match[str]) -> Answer:
    found = fake.by_external(request.query["ref"]) if "ref" in request.query else list(fake.tickets.values())
    return 200, {"data": {"list": [_other_one(each) for each in found]}}


def _other_put(kept: Kept, body: Any) -> None:
    kept.status = body.get("phase", kept.status)


def _other() -> Fake:
    return Fake(
        headers={"x-api-key": "k3y"},
        routes={
            "POST /desk/items": lambda fake, request, _: (
                200, {"data": _other_one(fake.keep(request.json["ref"], request.json["name"], "open"))}
            ),
            "GET /desk/items": _other_list,
            r"GET /desk/items/(?P<id>\d+)": acting(lambda _, __, kept: (200, {"data": _other_one(kept)})),
            r"PATCH /desk/items/(?P<id>\d+)": changing(_other_put, 200, None),
            r"POST /desk/items/(?P<id>\d+)/notes": changing(lambda kept, body: kept.comments.append(body["say"]), 200, None),
            r"GET /desk/items/(?P<id>\d+)/notes": acting(
                lambda _, __, kept: (200, [{"id": n, "say": text} for n, text in enumerate(kept.comments, 1)])
            ),
        },
        shapes={"POST /desk/items": shape(name=TEXT, what=TEXT, ref=TEXT, place=TEXT, rank=optional(**TEXT))},
    )  # fmt: skip


_GENERIC = {
    "create": {"method": "POST", "path": "/desk/items", "body": {
        "name": "{{ title }}", "what": "{{ text }}", "ref": "{{ external_id }}", "place": "{{ target.board | upper }}",
        "rank": "{% if priority == 'high' %}1{% else %}2{% endif %}",
    }},
    "update": {"method": "PATCH", "path": "/desk/items/{{ id }}", "body": {"phase": "{{ status }}", "name": "{{ title }}"}},
    "comment": {"method": "POST", "path": "/desk/items/{{ id }}/notes", "body": {"say": "{{ text }}"}},
    "get": {"method": "GET", "path": "/desk/items/{{ id }}"},
    "find": {"method": "GET", "path": "/desk/items?ref={{ external_id }}"},
    "comments": {"method": "GET", "path": "/desk/items/{{ id }}/notes"},
    "changed": {"method": "GET", "path": "/desk/items?since={{ since }}"},
    "ticket_at": "data", "tickets_at": "data.list", "id_at": "number", "status_at": "phase", "comment_text_at": "say",
}  # fmt: skip

PRODUCTS = (
    Product(
        "connectwise", {"company": "acme", "client_id": "client-id"}, {"public_key": "pub", "private_key": "priv"},
        {"company_id": 5, "board_id": 2}, _connectwise, ">Closed",
    ),
    Product(
        "autotask", {}, {"integration_code": "code", "user_name": "api@msp", "secret": "s3cret"},
        {"company_id": 5, "queue_id": 8}, _autotask, "5",
    ),
    Product(
        "halopsa", {"tenant": "acme"}, {"client_id": "id", "client_secret": "s3cret"}, {"client_id": 5, "site_id": 2},
        _halopsa, "9",
    ),
    Product(
        "jira", {}, {"email": "api@msp.example.com", "api_token": "t0ken"}, {"project": "P"}, _jira_cloud, "Done"
    ),
    Product(
        "zendesk", {}, {"email": "api@msp.example.com", "api_token": "t0ken"}, {"requester_email": "office@p.example.com"},
        _zendesk, "solved",
    ),
    Product("servicenow", {}, {"user": "api", "password": "s3cret"}, {"caller_id": "abc"}, _servicenow, "6"),
    Product("freshservice", {}, {"api_key": "k3y"}, {"email": "office@p.example.com"}, _freshservice, "4"),
    Product("redmine", {"external_id_field": 7}, {"api_key": "k3y"}, {"project": "practices"}, _redmine, "5"),
    Product("generic", _GENERIC, {"header": "X-Api-Key", "value": "k3y"}, {"board": "it"}, _other, "done"),
)  # fmt: skip
