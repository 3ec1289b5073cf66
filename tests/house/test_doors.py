"""Every operation of the contract, walked by those who may not pass: nobody (401), somebody without the permission (403),
a stranger from another tenant (404), and a colleague who is narrowed to other organizations (404).

What is not yours is 404, never 403: a stranger does not even learn that it is there.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.access import EVERYTHING, Role
from domain.runtime import Runtime
from tests.house.catalog import Eyes
from tests.house.full import FullHouse
from tests.house.operations import Operation, document, each_operation, operations
from tests.makers import Caller, House, make_api_key

OPEN_TO_ALL = {
    "hear_callback": "a ticketing product has no credential of ours: what it sends is signed",
    "sign_up": "whoever signs up has no credential yet",
    "sign_in": "nor has whoever signs in",
    "start_sso": "nor whoever goes to sign in at a provider",
    "return_from_sso": "nor whoever comes back from there",
    "sign_in_by_sso": "the token that the browser brought back is the credential",
    "forget_password": "nor whoever forgot the password",
    "reset_password": "the token of a letter is the credential",
    "verify_email": "the token of a letter is the credential",
    "accept_invitation": "the token of a letter is the credential",
    "hear_stripe": "Stripe signs what it sends",
    "read_offer": "the token of the quote's own link is in the body",
    "accept_quote": "the token of the quote's own link is in the body",
    "decline_quote": "the token of the quote's own link is in the body",
}
NEEDS_NO_PERMISSION = {
    "read_me": "everybody may ask who they are",
    "list_sessions": "everybody may see their own",
    "end_session": "everybody may end their own",
    "sign_out": "everybody may end the session they use",
    "rotate_session": "everybody may take a new token for the session they use",
    "change_password": "everybody may change their own",
    "list_roles": "what roles there are is no secret",
    "show_factor": "everybody may show a second factor of their own",
    "challenge_passkeys": "everybody may use a passkey of their own",
    "list_factors": "everybody may see their own",
    "begin_factor": "everybody may set up their own",
    "confirm_factor": "everybody may set up their own",
    "remove_factor": "everybody may remove their own",
    "renew_recovery_codes": "everybody may renew their own",
    "list_own_oauth_grants": "everybody may see what they granted",
    "revoke_own_oauth_grant": "everybody may take back what they granted",
    "ask_for_verification": "everybody may confirm their own address",
}
READ_ON_RECORD = {"list_audit_entries", "verify_audit_log", "read_audit_export_content", "read_document_content", "read_report"}
"""Who looked at the trail, or took a document or a report away, is on record, and each event renews a line of the portfolio."""
NARROWED_MAY_NOT = {
    "verify_audit_log": "only the whole trail can be verified",
    "export_audit_log": "only the whole trail can be taken away",
    "list_audit_exports": "only the whole trail can be taken away",
    "list_event_types": "webhooks tell of the whole account",
    "list_webhook_endpoints": "webhooks tell of the whole account",
    "register_webhook_endpoint": "webhooks tell of the whole account",
    "import_fleet": "such an import is for the whole account",
    "list_fleet_imports": "such an import is for the whole account",
    "read_fleet_import": "such an import is for the whole account",
    "list_fleet_import_rows": "such an import is for the whole account",
    "list_rmm_products": "a management tool is connected for the whole account",
    "list_rmm_connections": "a management tool is connected for the whole account",
    "connect_rmm": "a management tool is connected for the whole account",
    "read_rmm_connection": "a management tool is connected for the whole account",
    "change_rmm_connection": "a management tool is connected for the whole account",
    "archive_rmm_connection": "a management tool is connected for the whole account",
    "run_rmm_connection": "a management tool is connected for the whole account",
    "list_rmm_runs": "a management tool is connected for the whole account",
    "read_rmm_run": "a management tool is connected for the whole account",
    "change_column_mapping": "everybody's imports rely on it",
    "archive_column_mapping": "everybody's imports rely on it",
    "list_service_accounts": "service accounts work for the whole account",
    "open_service_account": "service accounts work for the whole account",
    "list_oauth_clients": "applications are the whole account's",
    "register_oauth_client": "applications are the whole account's",
    "list_ticketing_products": "connections serve the whole account",
    "list_connections": "connections serve the whole account",
    "connect": "connections serve the whole account",
    "list_sso_presets": "sign-in providers let people into the whole account",
    "list_sso_connections": "sign-in providers let people into the whole account",
    "connect_sso": "sign-in providers let people into the whole account",
    "list_sso_domains": "sign-in providers let people into the whole account",
    "claim_sso_domain": "sign-in providers let people into the whole account",
    "change_tenant": "what an account says and demands holds for all of its practices",
}
"""Operations that refuse a narrowed principal outright (403), because they are about the tenant as a whole."""


@pytest_asyncio.fixture
async def untouched(theirs: FullHouse, eyes: Eyes) -> AsyncIterator[None]:
    """Whatever the test tries, not one row of the other tenant is another afterwards."""
    before = await eyes.rows_of(theirs.owner.tenant_id)
    yield
    after = await eyes.rows_of(theirs.owner.tenant_id)
    assert {table for table in after if before[table] != after[table]} == set()


class Keyring:
    """Keys of one tenant by what they may do, each made once."""

    def __init__(self) -> None:
        self._made: dict[frozenset[str], Caller] = {}

    async def key(self, owner: Caller, scopes: frozenset[str]) -> Caller:
        if scopes not in self._made:
            made = await make_api_key(owner, scopes=sorted(scopes))
            self._made[scopes] = Caller(owner.http, made["key"], owner.tenant_id, owner.member_id)
        return self._made[scopes]


@pytest.fixture(scope="module")
def keys() -> Keyring:
    return Keyring()


async def test_the_exceptions_are_needed() -> None:
    assert OPEN_TO_ALL.keys() == {each.id for each in operations() if not each.behind_the_door and not each.behind_a_link}
    assert NEEDS_NO_PERMISSION.keys() == {each.id for each in operations() if each.behind_the_door and not each.scopes}


async def test_scopes_are_permissions_that_exist() -> None:
    assert {scope for each in operations() for scope in each.scopes} <= {str(each) for each in EVERYTHING}


@pytest.mark.usefixtures("untouched")
@each_operation(having="behind_the_door")
async def test_nobody(http: httpx.AsyncClient, theirs: FullHouse, operation: Operation) -> None:
    answer = await send(http, operation, theirs.ids)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert theirs.mark not in answer.text


@pytest.mark.usefixtures("untouched")
@each_operation(having="behind_a_link")
async def test_no_key_is_a_link(http: httpx.AsyncClient, theirs: FullHouse, operation: Operation) -> None:
    key = Caller(http, theirs.owner.api_key, theirs.owner.tenant_id, theirs.owner.member_id)
    for by in (http, key):
        answer = await send(by, operation, theirs.ids)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert theirs.mark not in answer.text


@pytest.mark.usefixtures("keys")
@each_operation(having="scopes")
async def test_somebody_without_the_permission(theirs: FullHouse, eyes: Eyes, keys: Keyring, operation: Operation) -> None:
    caller = await keys.key(theirs.owner, frozenset(map(str, EVERYTHING)) - operation.scopes)
    before = await eyes.rows_of(theirs.owner.tenant_id)
    answer = await send(caller, operation, theirs.ids)
    assert answer.status_code == 403, answer.text
    after = await eyes.rows_of(theirs.owner.tenant_id)
    assert {table for table in after if before[table] != after[table]} - {"api_key"} == set(), "its key was used, that is all"


@each_operation("GET", having="scopes")
async def test_the_permission_in_the_contract_is_enough_and_reading_changes_nothing(
    theirs: FullHouse, eyes: Eyes, keys: Keyring, operation: Operation
) -> None:
    caller = await keys.key(theirs.owner, operation.scopes)
    before = await eyes.rows_of(theirs.owner.tenant_id)
    answer = await send(caller, operation, theirs.ids)
    assert answer.status_code == 200, answer.text
    after = await eyes.rows_of(theirs.owner.tenant_id)
    on_record = {"event", "event_head", "portfolio_line"} if operation.id in READ_ON_RECORD else set[str]()
    assert {table for table in after if before[table] != after[table]} - {"api_key"} - on_record == set(), "its key was used"


@pytest.mark.usefixtures("untouched")
@each_operation(having="behind_the_door")
async def test_a_stranger(theirs: FullHouse, mine: FullHouse, eyes: Eyes, operation: Operation) -> None:
    answer = await send(mine.owner, operation, theirs.ids)
    if operation.placeholders:
        assert answer.status_code == 404, answer.text
    shows_nothing_of(answer, mark=theirs.mark, ids=await eyes.ids_of(theirs.owner.tenant_id))


@pytest.mark.usefixtures("untouched")
@each_operation("GET", having="behind_the_door")
async def test_a_stranger_with_one_right_id(theirs: FullHouse, mine: FullHouse, eyes: Eyes, operation: Operation) -> None:
    """A path or a filter that mixes ids of both tenants: the way in is one's own, the thing is not."""
    hidden = await eyes.ids_of(theirs.owner.tenant_id)
    mixed = [{**mine.ids, name: theirs.ids[name]} for name in operation.placeholders[1:]]
    for ids in mixed:
        answer = await send(mine.owner, operation, ids)
        assert answer.status_code == 404 or operation.placeholders[-1] == "topic_id", answer.text
        shows_nothing_of(answer, mark=theirs.mark, ids=hidden)
    for name in operation.query:
        if name.endswith("_id") and (name in theirs.ids or name == "subject_id"):
            foreign = theirs.ids.get(name, theirs.ids["device_id"])
            answer = await send(mine.owner, operation, mine.ids, params={name: foreign})
            assert answer.status_code in {200, 404, 422}, answer.text
            if answer.status_code == 200:
                assert answer.json()["data"] == [], f"{name} let something through"
            shows_nothing_of(answer, mark=theirs.mark, ids=hidden)


@pytest_asyncio.fixture(scope="module")
async def narrowed(http: httpx.AsyncClient, runtime: Runtime, theirs: FullHouse) -> Caller:
    """An owner of the same tenant, but for the other organization only: every permission, and the second wall."""
    return await House(http, runtime).member(theirs.owner, Role.owner, organizations=[theirs.other_organization])


@each_operation(having="behind_the_door")
async def test_a_colleague_narrowed_to_another_organization(
    theirs: FullHouse, narrowed: Caller, eyes: Eyes, operation: Operation
) -> None:
    hidden = await eyes.ids_in(theirs.organization_id)
    named = {theirs.ids[name] for name in operation.placeholders}
    before = await eyes.rows_of(theirs.owner.tenant_id)
    answer = await send(narrowed, operation, theirs.ids)
    if operation.id in NARROWED_MAY_NOT:
        assert answer.status_code == 403
    if named & hidden:
        assert answer.status_code == 404, answer.text
    shows_nothing_of(answer, mark=None, ids=hidden)
    after = await eyes.rows_of(theirs.owner.tenant_id)
    on_record = {"event", "event_head"} if operation.method == "GET" else set[str]()
    """Reading the audit trail stands in it."""
    assert {table for table in after if before[table] != after[table]} - {"api_key", "mail"} - on_record == set(), (
        "a letter to oneself"
    )


async def send(by: Caller | httpx.AsyncClient, operation: Operation, ids: dict[str, str], **more: Any) -> httpx.Response:
    """Carry the operation out with a body that is an object and nothing else: whoever may not pass learns nothing of it."""
    if operation.json_body is not None:
        more["json"] = {}
    if isinstance(by, Caller):
        return await by.request(operation.method, operation.at(ids), **more)
    return await by.request(operation.method, f"/v1{operation.at(ids)}", **more)


def shows_nothing_of(answer: httpx.Response, *, mark: str | None, ids: frozenset[str]) -> None:
    """No id that the caller did not send itself, no typed word, and never a fault of ours."""
    assert answer.status_code < 500, answer.text
    said = answer.text
    sent = str(answer.request.url)
    assert mark is None or mark not in said
    assert {each for each in ids if each in said and each not in sent} == set()


async def test_every_operation_says_who_may() -> None:
    assert all("security" in spec for item in document()["paths"].values() for spec in item.values())
