"""Who may do what, written down a second time from the contract's own words: the table of roles, by the nouns of its paths.

Nothing here is read from the program. An operation that asks for the wrong permission, and a role that was given too much or
too little, show as a difference. A new noun has to be put in its place here before it can be served.
"""

from tests.house.operations import Operation

EVERYBODY = frozenset({"owner", "admin", "technician", "billing", "auditor", "practice_admin", "practice_member"})
"""Owner: everything. Admin: everything but ownership."""
ADMINS = frozenset({"owner", "admin"})
OVERSEERS = ADMINS | {"auditor"}
"""The auditor reads everything and changes nothing."""
IN_THE_FIELD = ADMINS | {"technician", "practice_admin"}
"""Inventory, imports, vendors, analysis, findings, tasks, documents; no people, no billing."""
FIELD_READERS = IN_THE_FIELD | {"auditor"}
BOOKKEEPERS = ADMINS | {"billing"}
OFFICIALS = ADMINS | {"practice_admin"}

_INVENTORY = (
    "backups devices disposals fact-confirmations fact-history flows map partners policies remote-accesses retention reviews "
    "segments systems workforce"
)
_IMPORTS = "column-mappings fleet-imports imports rmm-connections rmm-products rmm-runs rmm-sites"
_VENDORS = "baas engagements vendors"
_FINDINGS = "evaluations finding-groups findings known-issues risk"
_WORK = "access-requests campaigns documents events incidents"
_ACCOUNT = (
    "api-keys audit-log connections deliveries event-types invitations mappings members oauth-clients service-accounts "
    "sso-connections sso-domains sso-presets ticketing-products webhook-endpoints"
)

NOUNS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **{
        noun: (FIELD_READERS, IN_THE_FIELD)
        for group in (_INVENTORY, _IMPORTS, _VENDORS, _FINDINGS, _WORK)
        for noun in group.split()
    },
    **dict.fromkeys(_ACCOUNT.split(), (OVERSEERS, ADMINS)),
    **dict.fromkeys(("me", "sessions", "email-verifications", "roles"), (EVERYBODY, EVERYBODY)),
    "organizations": (EVERYBODY, ADMINS),
    "portfolio": (EVERYBODY, frozenset()),
    "catalogue": (EVERYBODY, frozenset()),
    "locations": (FIELD_READERS | {"billing"}, IN_THE_FIELD),
    "groups": (FIELD_READERS, ADMINS),
    "tenant": (FIELD_READERS | {"billing"}, ADMINS),
    "transfers": (FIELD_READERS | {"billing"}, frozenset({"owner"})),
    "transfer": (frozenset(), frozenset({"owner"})),
    "assessments": (FIELD_READERS | {"practice_member"}, IN_THE_FIELD),
    "topic-links": (FIELD_READERS | {"practice_member"}, IN_THE_FIELD),
    "readiness": (FIELD_READERS | {"practice_member"}, frozenset()),
    "tasks": (FIELD_READERS | {"practice_member"}, IN_THE_FIELD),
    "tickets": (FIELD_READERS | {"practice_member"}, IN_THE_FIELD),
    "duties": (FIELD_READERS | {"practice_member"}, IN_THE_FIELD),
    **{
        noun: (BOOKKEEPERS | {"auditor", "practice_admin"}, BOOKKEEPERS)
        for noun in ("plans", "subscription", "invoices", "quotes", "billing")
    },
}
"""The noun of a path, and who may read it and who may change it."""

EXCEPTIONS: dict[str, frozenset[str]] = {
    "POST /members/{member_id}/ownership": frozenset({"owner"}),
    "POST /audit-log/exports": OVERSEERS,  # taking a copy changes nothing
    "PUT /assessments/{assessment_id}/answers/{topic_id}": IN_THE_FIELD | {"practice_member"},
    "POST /assessments/{assessment_id}/topics/{topic_id}/comments": IN_THE_FIELD | {"practice_member"},
    "POST /tasks/{task_id}/completion": IN_THE_FIELD | {"practice_member"},
    "POST /tasks/{task_id}/comments": IN_THE_FIELD | {"practice_member"},
    "POST /tasks/{task_id}/verification": OFFICIALS,
    # A key to a client's management tool is no field work; asking it once more for its inventory is.
    "POST /rmm-connections": ADMINS,
    "PATCH /rmm-connections/{rmm_connection_id}": ADMINS,
    "DELETE /rmm-connections/{rmm_connection_id}": ADMINS,
}

ABOUT_THE_ACCOUNT = frozenset(
    {
        *("connections", "deliveries", "event-types", "fleet-imports", "mappings", "rmm-connections", "rmm-products"),
        *(
            "oauth-clients",
            "rmm-runs",
            "service-accounts",
            "sso-connections",
            "sso-domains",
            "sso-presets",
            "ticketing-products",
        ),
        "webhook-endpoints",
        "PATCH /billing/account",
        "PATCH /tenant",
        "POST /transfers",
        "GET /audit-log/verification",
        "POST /audit-log/exports",
        "GET /audit-log/exports",
        "GET /audit-log/exports/{audit_export_id}",
        "GET /audit-log/exports/{audit_export_id}/content",
        "PATCH /column-mappings/{column_mapping_id}",
        "DELETE /column-mappings/{column_mapping_id}",
    }
)
"""What serves the whole account: whoever is narrowed to some organizations has nothing to do with it."""

REACHES_FURTHER = frozenset({"member_id", "invitation_id", "api_key_id", "transfer_id", "group_id"})
"""Of people and sets of organizations that whoever is narrowed to one does not reach: not there for them."""


def noun_of(operation: Operation) -> str:
    """What a path is about: its first word, or the word behind an organization's id."""
    words = operation.path.strip("/").split("/")
    return words[2] if words[0] == "organizations" and len(words) > 2 else words[0]


def may(role: str, operation: Operation) -> bool:
    """Whether the contract lets a role do this, somewhere."""
    readers, writers = NOUNS[noun_of(operation)]
    return role in EXCEPTIONS.get(str(operation), readers if operation.method == "GET" else writers)


def about_the_account(operation: Operation) -> bool:
    return noun_of(operation) in ABOUT_THE_ACCOUNT or str(operation) in ABOUT_THE_ACCOUNT
