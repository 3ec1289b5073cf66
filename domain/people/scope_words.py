"""What a scope means, in the words of somebody who has never seen the API: shown where a member is asked to grant it."""

from domain.access import Permission

_NOUNS = {
    "access_requests": "requests of patients for their records",
    "api_keys": "the account’s API keys",
    "assessments": "risk analyses and their answers",
    "audit": "the audit trail",
    "baas": "business associate agreements",
    "backups": "backup jobs",
    "billing": "subscriptions, quotes and invoices",
    "catalogue": "the law, questions and threats of the catalogue",
    "connections": "connections to ticketing products",
    "devices": "devices",
    "documents": "documents and evidence",
    "engagements": "what vendors do for each practice",
    "events": "what happens in the account, as it happens",
    "findings": "findings and how they are treated",
    "flows": "movements of images and patient data between systems",
    "groups": "groups of practices",
    "imports": "imports from monitoring tools",
    "incidents": "security incidents",
    "locations": "locations",
    "members": "the people of the account, their roles and sign-ins",
    "oauth_clients": "applications such as this one",
    "organizations": "practices and their state",
    "ownership": "who owns the account",
    "partners": "specialists, labs and other partners",
    "policies": "policies of the practices",
    "remote_accesses": "ways of remote access",
    "segments": "network segments",
    "service_accounts": "accounts of machines",
    "sso_connections": "how the account signs in at its own provider",
    "systems": "software and cloud services",
    "tasks": "tasks",
    "tenant": "the account’s name, brand and settings",
    "vendors": "vendors",
    "webhooks": "webhooks and their deliveries",
    "workforce": "the staff of the practices and their training",
}
_ACTS = {"read": "See", "write": "Add and change"}
_OF_THEIR_OWN = {
    Permission.assessments_answer: "Answer questions of risk analyses",
    Permission.assessments_approve: "Sign risk analyses in your name",
    Permission.assessments_write: "Open, evaluate and change risk analyses",
    Permission.imports_write: "Import data from monitoring tools",
    Permission.ownership_write: "Give the account to another owner",
    Permission.tasks_complete: "Mark tasks as done",
    Permission.tasks_verify: "Confirm in your name that tasks were done",
}


def in_words(permission: Permission) -> str:
    """One short sentence without a full stop, such as "Add and change devices"."""
    noun, act = permission.split(":")
    return _OF_THEIR_OWN.get(permission) or f"{_ACTS[act]} {_NOUNS[noun]}"
