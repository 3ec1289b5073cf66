"""No sequence of invitations, roles, keys, service accounts, narrowings and removals lets anybody do more than was given.

Hypothesis makes the sequences. Beside the program a model keeps who was given what by whom; after each step every credential
there ever was says itself what it may do, and is held against the model.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from domain.access import ROLES, Role
from domain.clock import new_id
from tests.mailbox import letters_to, token_in
from tests.makers import PASSWORD, Caller, House, expect

T = TypeVar("T")
Reach = frozenset[str] | None
SCOPES = ("members:write", "api_keys:write", "service_accounts:write", "service_accounts:read", "devices:read", "billing:read")
GIVEN_ROLES = (Role.owner, Role.admin, Role.technician, Role.auditor, Role.billing)


@dataclass
class Seat:
    """What a member was given last, by whoever could give it."""

    id: str
    permissions: frozenset[str]
    reach: Reach
    seated: bool = True


@dataclass
class Account:
    id: str
    sponsor: Seat
    permissions: frozenset[str]
    reach: Reach


@dataclass
class Credential:
    """A session or a key. Without permissions of its own it has those of whom it stands for."""

    caller: Caller
    seat: Seat
    account: Account | None = None
    permissions: frozenset[str] | None = None
    reach: Reach = None
    ended: bool = False

    @property
    def may(self) -> frozenset[str]:
        bounds = [each for each in (self.permissions, self.account and self.account.permissions) if each is not None]
        return self.seat.permissions.intersection(*bounds)

    @property
    def reaches(self) -> Reach:
        reach = both(self.seat.reach, self.reach)
        return both(reach, self.account.reach) if self.account else reach

    @property
    def alive(self) -> bool:
        return self.seat.seated and not self.ended


@dataclass
class World:
    house: House
    loop: asyncio.AbstractEventLoop
    callers: list[Credential] = field(default_factory=list[Credential])

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """From the thread of the machine, on the loop of the suite."""
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(timeout=60)


def both(one: Reach, other: Reach) -> Reach:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def as_reach(organization_ids: list[str] | None) -> Reach:
    """As an answer says it: a narrowed giver who names nothing hands on what they have."""
    return None if organization_ids is None else frozenset(organization_ids)


def within(one: Reach, other: Reach) -> bool:
    return other is None or (one is not None and one <= other)


async def test_nobody_gains_more_than_was_given(house: House) -> None:
    loop = asyncio.get_running_loop()

    def play() -> None:
        run_state_machine_as_test(
            lambda: Grants(World(house, loop)),  # pyright: ignore[reportArgumentType]  whatever makes a machine will do
            settings=settings(
                max_examples=6,
                stateful_step_count=25,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )

    await asyncio.to_thread(play)


narrowings = st.sampled_from(["all", "one", "other"])


class Grants(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.credentials: list[Credential] = []
        self.practices: dict[str, list[str] | None] = {}

    @initialize()
    def begin(self) -> None:
        self.world.run(self._begin())

    async def _begin(self) -> None:
        owner = await self.world.house.tenant()
        expect(await owner.patch("/tenant", {"settings": {"mfa_required_roles": []}}), 200)
        one, other = [await self.world.house.organization(owner) for _ in range(2)]
        self.practices = {"all": None, "one": [one], "other": [other]}
        seat = Seat(str(owner.member_id), frozenset(map(str, ROLES[Role.owner])), None)
        self.credentials = [Credential(owner, seat), Credential(await self.world.house.signed_in(owner), seat)]
        # From the first step on there are some who have less, and may yet give: of theirs, and no more.
        await self._invite(self.credentials[0], Role.admin, self.practices["one"])
        await self._make_key(self.credentials[0], {"members:write", "api_keys:write"}, None)
        await self._make_key(self.credentials[2], {"members:write", "service_accounts:write"}, self.practices["one"])

    def _by(self, number: int) -> Credential:
        alive = [each for each in self.credentials if each.alive]
        return alive[number % len(alive)]

    def _seat(self, number: int) -> Seat:
        """Anybody's but the first owner's, whom nobody could send away."""
        others = [each.seat for each in self.credentials[2:] if each.alive and each.seat is not self.credentials[0].seat]
        assume(others)
        return others[number % len(others)]

    @rule(number=st.integers(0, 20), role=st.sampled_from(GIVEN_ROLES), narrowing=narrowings)
    def invite(self, number: int, role: Role, narrowing: str) -> None:
        by, given = self._by(number), self.practices[narrowing]
        self.world.run(self._invite(by, role, given))

    async def _invite(self, by: Credential, role: Role, given: list[str] | None) -> None:
        email = f"{new_id().hex}@msp.example.com"
        answer = await by.caller.post("/invitations", {"email": email, "role": role.value, "organization_ids": given})
        permissions = frozenset(map(str, ROLES[role]))
        if answer.status_code != 201:
            return
        reach = as_reach(answer.json()["organization_ids"])
        self._was_theirs_to_give(by, permissions, reach, needs="members:write")
        [letter] = await letters_to(self.world.house.runtime, email, tenant_id=by.caller.tenant_id)
        acceptance = {"token": token_in(letter), "name": "Somebody", "password": PASSWORD}
        taken = await by.caller.make(f"/invitations/{answer.json()['id']}/acceptance", acceptance)
        seat = Seat(taken["member_id"], permissions, reach)
        somebody = Caller(by.caller.http, "", by.caller.tenant_id, taken["member_id"], email=email)
        self.credentials.append(Credential(await self.world.house.signed_in(somebody), seat))

    @rule(number=st.integers(0, 20), scopes=st.sets(st.sampled_from(SCOPES), max_size=4), narrowing=narrowings)
    def make_key(self, number: int, scopes: set[str], narrowing: str) -> None:
        by, given = self._by(number), self.practices[narrowing]
        assume(by.account is None)
        self.world.run(self._make_key(by, scopes, given))

    async def _make_key(self, by: Credential, scopes: set[str], given: list[str] | None) -> None:
        said = {"name": "k", "scopes": sorted(scopes), "organization_ids": given}
        answer = await by.caller.post("/api-keys", said)
        if answer.status_code == 201:
            made = answer.json()
            permissions = frozenset(scopes) or by.permissions
            reach = frozenset(given) if given is not None else by.reach
            self._was_theirs_to_give(by, permissions or by.may, both(reach, by.reaches), needs="api_keys:write")
            key = Caller(by.caller.http, made["key"], by.caller.tenant_id, by.caller.member_id)
            self.credentials.append(Credential(key, by.seat, permissions=permissions, reach=reach))

    @rule(number=st.integers(0, 20), scopes=st.sets(st.sampled_from(SCOPES), min_size=1, max_size=3), narrowing=narrowings)
    def open_account(self, number: int, scopes: set[str], narrowing: str) -> None:
        by, given = self._by(number), self.practices[narrowing]
        assume(by.account is None)
        said = {"name": "Sync", "scopes": sorted(scopes), "organization_ids": given}
        answer = self.world.run(by.caller.post("/service-accounts", said))
        if answer.status_code != 201:
            return
        reach = as_reach(answer.json()["organization_ids"])
        self._was_theirs_to_give(by, frozenset(scopes), both(reach, by.reaches), needs="service_accounts:write")
        account = Account(answer.json()["id"], by.seat, frozenset(scopes), reach)
        made = self.world.run(by.caller.post(f"/service-accounts/{account.id}/api-keys", {"name": "Key"}))
        if made.status_code == 201:
            key = Caller(by.caller.http, made.json()["key"], by.caller.tenant_id, by.caller.member_id)
            self.credentials.append(Credential(key, by.seat, account))

    @rule(number=st.integers(0, 20), whom=st.integers(0, 20), role=st.sampled_from(GIVEN_ROLES), narrowing=narrowings)
    def change_seat(self, number: int, whom: int, role: Role, narrowing: str) -> None:
        by, seat, given = self._by(number), self._seat(whom), self.practices[narrowing]
        had = (seat.permissions, seat.reach)
        answer = self.world.run(by.caller.patch(f"/members/{seat.id}", {"role": role.value, "organization_ids": given}))
        if answer.status_code == 200:
            reach = as_reach(answer.json()["organization_ids"])
            self._was_theirs_to_give(by, frozenset(map(str, ROLES[role])), reach, needs="members:write")
            self._was_theirs_to_give(by, had[0], had[1], needs="members:write")
            seat.permissions, seat.reach = frozenset(map(str, ROLES[role])), reach

    @rule(number=st.integers(0, 20), whom=st.integers(0, 20))
    def remove(self, number: int, whom: int) -> None:
        by, seat = self._by(number), self._seat(whom)
        if self.world.run(by.caller.delete(f"/members/{seat.id}")).status_code == 204:
            self._was_theirs_to_give(by, seat.permissions, seat.reach, needs="members:write")
            seat.seated = False

    def _was_theirs_to_give(self, by: Credential, permissions: frozenset[str], reach: Reach, *, needs: str) -> None:
        assert needs in by.may
        assert permissions <= by.may, f"gave {sorted(permissions - by.may)}"
        assert within(reach, by.reaches), f"gave {reach}, having {by.reaches}"

    @invariant()
    def nobody_may_more(self) -> None:
        for each in self.credentials:
            answer = self.world.run(each.caller.get("/me"))
            if not each.alive:
                assert answer.status_code == 401
                continue
            said = expect(answer, 200)
            assert frozenset(said["permissions"]) <= each.may
            assert within(as_reach(said["organization_ids"]), each.reaches)
