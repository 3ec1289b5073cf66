"""One pass over a survey: each entry is laid over its row, and the report tells what became of it. Nothing is written here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.bulk import blank_row
from domain.errors import Invalid
from domain.free_text import CODE
from domain.inventory.claims import Card
from domain.inventory.device_matching import same
from domain.inventory.devices import Device
from domain.inventory.import_reports import Report
from domain.inventory.import_runs import RowOutcome
from domain.inventory.imports.normal_form import Remark
from domain.inventory.imports.survey_form import SECTIONS, Entry, Survey
from domain.inventory.locations import Location
from domain.inventory.organizations import Organization
from domain.inventory.policies import Policy
from domain.inventory.survey_desk import Desk, unclassified
from domain.inventory.survey_merge import Row, checked, merge, replace
from domain.inventory.survey_practice import answer_of, merge_practice, raw_practice
from domain.inventory.survey_rows import said_of
from domain.inventory.survey_vendors import fill_vendor, true_here
from domain.tenancy import TenantOwned
from domain.vendors.vendors import Vendor

ARCHIVED = "It was archived here and stays so."
LONGEST_KEY = 100
REFERRED_TO_AS = {"device": "asset", "system": "asset", "organization": "practice"}
"""How the rules call the rows of a table, where they call them otherwise."""


@dataclass(slots=True)
class Taking:
    """``last`` is what surveys have said before. ``decided`` are the rows to be written, by table."""

    desk: Desk
    last: Survey
    report: Report
    observed_at: str
    decided: dict[type[TenantOwned], list[Card]] = field(default_factory=dict[type[TenantOwned], list[Card]])
    _notes: dict[str, list[Remark]] = field(default_factory=dict[str, list[Remark]])
    _here: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Vendor, by its id in the survey -> what is true of it for this organization only."""
    _here_before: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def take(self, refused: Mapping[str, str]) -> None:
        """Go through the whole survey. ``refused``: pointers of entries that are not taken, and why."""
        survey = self.desk.survey
        for note in survey.notes:
            self._notes.setdefault("/".join(note.pointer.split("/")[:3]), []).append(note)
        self._take_practice()
        self._take_policies()
        last = {(SECTIONS[entry.section].of, entry.id): entry for entry in self.last.entries()}
        for entry in sorted(survey.entries(), key=lambda entry: entry.section != "vendors"):
            before = last.get((SECTIONS[entry.section].of, entry.id))
            if entry.pointer in refused:
                self._refuse(entry, CODE, refused[entry.pointer])
            elif entry.section == "vendors":
                self._take_vendor(entry, before)
            elif entry.section == "answers":
                self._take_answer(entry)
            elif entry.section != "risks":
                self._take(entry, before)
        self._stand_by_site()
        self._tell_the_rest()
        self.report.unmatched = unclassified(self.desk)

    def _take_practice(self) -> None:
        desk = self.desk
        warnings = merge_practice(desk.organization, desk.survey, self.last, desk.ids, observed_at=self.observed_at)
        label: str = desk.organization.values["name"]
        self._tell(Organization, desk.organization, "/practice", label, raw_practice(desk.survey), warnings)

    def _take_policies(self) -> None:
        shelf = self.desk.shelves[Policy]
        for key, in_place in self.desk.survey.policies.items():
            pointer = f"/policies/{key.replace('~', '~0').replace('/', '~1')}"
            if not 1 <= len(key) <= LONGEST_KEY:
                detail = f"The key of a policy has 1 to {LONGEST_KEY} characters."
                self.report.tell(RowOutcome.rejected, pointer=pointer, code="bad_key", detail=detail)
                continue
            card = shelf.by_key.get(key)
            if card is None:
                row = blank_row(Policy, organization_id=self.desk.organization_id, key=key)
                card = shelf.add(Card(row, is_new=True), key)
            if card.values["archived_at"] is not None:
                self._skip_archived(Policy, card, pointer, key, {key: in_place})
                continue
            replace(card, "in_place", in_place, self.last.policies.get(key))
            self._tell(Policy, card, pointer, key, {key: in_place}, ())

    def _take_vendor(self, entry: Entry, before: Entry | None) -> None:
        _, card = self.desk.of(entry)
        warnings: tuple[str, ...] = ()
        if card.is_new and not any(card is each for each in self.decided.get(Vendor, ())):
            warnings = fill_vendor(card, entry, observed_at=self.observed_at)
        here = self._here[entry.id] = true_here(entry, card)
        self._here_before[entry.id] = true_here(before, card) if before else {}
        if here and not any(each.text("vendor") == entry.id for each in self.desk.survey.engagements):
            warnings = (*warnings, "no_engagement")
        self._tell(Vendor, card, entry.pointer, card.values["name"], entry.raw, warnings)

    def _take(self, entry: Entry, before: Entry | None) -> None:
        shelf, card = self.desk.of(entry)
        label: str = entry.text("name") or entry.text("hostname") or entry.id
        if card.values["archived_at"] is not None:
            self._skip_archived(shelf.kind, card, entry.pointer, label, entry.raw)
            return
        self.desk.ids.missing.clear()
        try:
            row = self._said(entry, self.desk.survey, self._here)
        except Invalid as refusal:
            self._refuse(entry, "not_accepted", " ".join(fault.detail for fault in refusal.faults))
            return
        missing = tuple(self.desk.ids.missing)
        merge(card, row, self._said_before(before), observed_at=self.observed_at)
        self._tell(shelf.kind, card, entry.pointer, card.values.get("name") or label, entry.raw, (*row.warnings, *missing))

    def _said(self, entry: Entry, survey: Survey, here: Mapping[str, dict[str, Any]]) -> Row:
        said = said_of(entry, survey, self.desk.ids)
        if entry.section == "engagements":
            said.unchecked["vendor_facts"] = here.get(entry.text("vendor") or "", {})
        return checked(said)

    def _said_before(self, entry: Entry | None) -> Row | None:
        """An entry that was not fit for a row has left nothing behind."""
        try:
            return self._said(entry, self.last, self._here_before) if entry else None
        except Invalid:
            return None

    def _take_answer(self, entry: Entry) -> None:
        said, refusal = answer_of(entry)
        self.report.answers.append(said)
        if refusal:
            code = "answer_not_acceptable"
            self.report.tell(RowOutcome.skipped, pointer=entry.pointer, code=code, detail=refusal, label=entry.id)

    def _stand_by_site(self) -> None:
        """A tool named its site before anybody said which location that is."""
        locations = [card.values for card in self.desk.shelves[Location].cards if card.values["archived_at"] is None]
        at_site = {same(location["rmm_site"]): location["id"] for location in locations if location["rmm_site"]}
        for card in self.desk.shelves[Device].cards:
            mark = card.mark("location_id")
            if mark is not None and mark.get("site") and card.values["location_id"] is None:
                card.values["location_id"] = at_site.get(same(mark["site"]))
                self.decided.setdefault(Device, []).append(card)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(
        self, kind: type[TenantOwned], card: Card, pointer: str, label: str, raw: Mapping[str, Any], warnings: Iterable[str]
    ) -> None:
        self.decided.setdefault(kind, []).append(card)
        notes = self._notes.pop(pointer, [])
        subject = subject_of(kind, card)
        self.report.conflicts += [
            each.as_json(f"{REFERRED_TO_AS.get(kind.noun, kind.noun)}:{subject.id}") for each in card.disagreements
        ]
        self.report.tell(
            RowOutcome.created if card.is_new else RowOutcome.updated if card.is_changed else RowOutcome.unchanged,
            pointer=pointer,
            detail=" ".join(f"{note.pointer}: {note.detail}" for note in notes) or None,
            subject=subject,
            label=label,
            warnings=list(dict.fromkeys([*warnings, *(note.code for note in notes)])),
            raw=raw,
        )

    def _skip_archived(self, kind: type[TenantOwned], card: Card, pointer: str, label: str, raw: Mapping[str, Any]) -> None:
        subject = subject_of(kind, card)
        self.report.tell(
            RowOutcome.skipped, pointer=pointer, code="archived", detail=ARCHIVED, subject=subject, label=label, raw=raw
        )

    def _refuse(self, entry: Entry, code: str, detail: str) -> None:
        """Without the entry itself, which may be just what must not be kept."""
        self.report.tell(RowOutcome.rejected, pointer=entry.pointer, code=code, detail=detail)

    def _tell_the_rest(self) -> None:
        """What the reader did not take, and what is true of the survey as a whole."""
        survey = self.desk.survey
        for each in survey.rejected:
            outcome = RowOutcome.duplicate if each.code == "duplicate_id" else RowOutcome.rejected
            self.report.tell(outcome, pointer=each.pointer, code=each.code, detail=each.detail)
        for notes in self._notes.values():
            for each in notes:
                self.report.tell(RowOutcome.skipped, pointer=each.pointer, code=each.code, detail=each.detail)
        for section in survey.unknown_sections:
            detail = "There is no such section in a survey; nothing of it was taken."
            self.report.tell(RowOutcome.skipped, pointer=f"/{section}", code="unknown_section", detail=detail)


def subject_of(kind: type[TenantOwned], card: Card) -> TenantOwned:
    """The row as an event names it."""
    identity: dict[str, Any] = {name: card.values[name] for name in ("id", "organization_id") if name in card.values}
    return kind(**identity)
