"""Everything a rule reads that nobody records: what follows from other facts, worked out in this one place.

Each function cites the meaning it carries out.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from domain.inventory.operating_systems import OperatingSystems
from domain.sra.catalogue import BaaWords, OsLifecycle
from domain.sra.support_dates import SupportDates
from domain.sra.vocabulary import Vocabulary
from domain.sra.world import Thing, World
from domain.vendors.decision import decide_vendor, with_recorded_access
from domain.vendors.standing import Agreements, agreements


class Facts:
    """The facts of one world as rules read them, recorded and derived, by id and in the order of the ids."""

    def __init__(
        self,
        world: World,
        *,
        vocabulary: Vocabulary,
        lifecycles: Mapping[str, OsLifecycle],
        systems: OperatingSystems,
        baa: BaaWords,
    ) -> None:
        self._world = world
        self._vocabulary = vocabulary
        self._support = SupportDates(lifecycles, systems, today=world.today)
        self._baa = baa
        self.settings = vocabulary.settings(world.settings)

    @property
    def practice_id(self) -> str:
        return self._world.practice.id

    @cached_property
    def practice(self) -> dict[str, Any]:
        return self._vocabulary.read("practice", self._world.practice.facts)

    @cached_property
    def policies(self) -> dict[str, Any]:
        return self._vocabulary.read("policy", self._world.policies)

    @property
    def analysis_in_force(self) -> dict[str, Any]:
        approved_on = self._world.approved_on
        return {"approved_on": approved_on.toordinal()} if approved_on else {}

    # --- assets -----------------------------------------------------------------------------------------------------

    @cached_property
    def assets(self) -> dict[str, dict[str, Any]]:
        return {thing.id: self._asset(thing) for thing in _in_order(self._world.assets)}

    def _asset(self, thing: Thing) -> dict[str, Any]:
        facts = self._vocabulary.read("asset", thing.facts, kind=thing.kind)
        facts["kind"] = thing.kind
        facts["os"] = self._support.of(facts, warning_days=self.settings["os_warning_days"])
        pinned = facts.get("driver_max_os")
        if pinned is not None:
            facts["driver_max_os"] = {"key": pinned, **self._support.of_keys([pinned], warning_days=0)}
        covered = self._is_covered(thing)
        facts.pop("backup", None)
        if covered is not None:
            facts["backup"] = "covered" if covered else "none"
        return facts

    def _is_covered(self, thing: Thing) -> bool | None:
        """An active job that lists the asset covers it. Unknown when nobody can say what a job covers, or when the asset
        is recorded as ``backup: unknown``: there the word is an answer, and an empty field is not."""
        active = [facts for facts in self.backups.values() if facts["status"] == "active"]
        if any(thing.id in facts.get("covers", ()) for facts in active):
            return True
        said = thing.facts.get("backup")
        unsaid = any("covers" not in facts for facts in active)
        return None if unsaid or (isinstance(said, str) and said.strip().casefold() == "unknown") else False

    # --- backups ----------------------------------------------------------------------------------------------------

    @cached_property
    def backups(self) -> dict[str, dict[str, Any]]:
        return self._read("backup", self._world.backups)

    def backup_of(self, asset_id: str) -> dict[str, Any]:
        """The jobs that cover an asset, seen as one: a copy verified by any of them is verified, and without a job
        there is no copy."""
        covering = [
            facts for facts in self.backups.values() if facts["status"] == "active" and asset_id in facts.get("covers", ())
        ]
        verified = [facts.get("verified_before_move") for facts in covering]
        if None in verified and True not in verified:
            return {}
        return {"verified_before_move": True in verified}

    # --- vendors ----------------------------------------------------------------------------------------------------

    @cached_property
    def vendors(self) -> dict[str, dict[str, Any]]:
        return {thing.id: self._vendor(thing) for thing in _in_order(self._world.vendors)}

    def _vendor(self, thing: Thing) -> dict[str, Any]:
        """The vendor's facts with its role (strongest over its engagements), its agreements, and whether it is in use."""
        facts = self._vocabulary.read("vendor", thing.facts)
        world = self._world
        ways_in = [ra for ra in self.remote_accesses.values() if ra.get("vendor") == thing.id]
        theirs = with_recorded_access(
            ((e.id, e.facts) for e in _in_order(world.engagements) if str(e.facts.get("vendor")) == thing.id),
            ways_in,
            as_of=world.today,
        )
        standing = self._agreements[thing.id]
        enabled = [ra.get("enabled") for ra in ways_in]
        worked_out: dict[str, Any] = {
            "hipaa_role": decide_vendor(theirs, as_of=world.today, words=self._baa).known_role,
            "baa_executed": standing.executed,
            "baa_active": standing.active,
            "baa_ends": standing.ends,
            "baa_end_on": standing.end_on.toordinal() if standing.end_on else None,
            "had_agreement": standing.had_agreement,
            "return_attested": standing.return_attested,
            "has_active_flow": any(f["active"] and f.get("vendor") == thing.id for f in self.flows.values()),
            "has_enabled_access": True if True in enabled else None if None in enabled else False,
        }
        return facts | {name: value for name, value in worked_out.items() if value is not None}

    @cached_property
    def _agreements(self) -> dict[str, Agreements]:
        baas = _in_order(self._world.baas)
        return {
            vendor.id: agreements(
                ((baa.id, baa.facts) for baa in baas if str(baa.facts.get("vendor")) == vendor.id),
                on_file=vendor.facts.get("baa_on_file"),
                as_of=self._world.today,
            )
            for vendor in self._world.vendors
        }

    def agreement_in_force(self, vendor_id: str) -> dict[str, Any]:
        in_force = self._agreements[vendor_id].in_force
        return self._vocabulary.read("baa", in_force[1]) if in_force else {}

    def vendor_of(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The vendor that a thing names. One that is named but not on record is a vendor of whom nothing is known."""
        return self.vendors.get(facts.get("vendor", ""), {})

    # --- the rest ---------------------------------------------------------------------------------------------------

    @cached_property
    def flows(self) -> dict[str, dict[str, Any]]:
        return self._read("flow", self._world.flows)

    @cached_property
    def remote_accesses(self) -> dict[str, dict[str, Any]]:
        return self._read("remote_access", self._world.remote_accesses)

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        return self._read("answer", self._world.answers)

    @cached_property
    def prior_risks(self) -> dict[str, dict[str, Any]]:
        return self._read("risk", self._world.prior_risks)

    @cached_property
    def incidents(self) -> dict[str, dict[str, Any]]:
        return self._read("incident", self._world.incidents)

    @cached_property
    def access_requests(self) -> dict[str, dict[str, Any]]:
        return self._read("access_request", self._world.access_requests)

    @cached_property
    def documents(self) -> dict[str, dict[str, Any]]:
        return self._read("document", self._world.documents)

    @cached_property
    def workforce(self) -> dict[str, dict[str, Any]]:
        return self._read("user", self._world.workforce)

    def _read(self, of: str, things: Iterable[Thing]) -> dict[str, dict[str, Any]]:
        return {thing.id: self._vocabulary.read(of, thing.facts) for thing in _in_order(things)}


def _in_order(things: Iterable[Thing]) -> list[Thing]:
    return sorted(things, key=lambda thing: thing.id)
