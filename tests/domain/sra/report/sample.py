"""Data sets for the report: Lakeview as its samples say it is, and a dental group that fills sixty pages and more."""

import datetime
import functools
import hashlib
import itertools
import tomllib
from pathlib import Path
from typing import Any, Literal

from domain.sra.levels import Level, risk_level
from domain.sra.report.brand import Brand
from domain.sra.report.dataset import Method, ReportData
from domain.sra.report.rows import (
    Acceptance,
    Answer,
    Asset,
    Change,
    CitedLaw,
    CollectionEntry,
    CountedKind,
    Edition,
    Element,
    Evidence,
    Exclusion,
    FactLine,
    Finding,
    HistoryEntry,
    Location,
    PlanTask,
    Practice,
    PriorVersion,
    Proposed,
    ProposedRow,
    Review,
    ScaleStep,
    Scope,
    Signature,
    Standard,
    Trigger,
    UndecidedRule,
    UnknownFact,
    Vendor,
)
from tests.domain.sra.report.sample_map import (
    AS_OF,
    asset_name,
    group_map,
    lakeview_expected,
    lakeview_map,
    lakeview_survey,
    os_support,
)

CATALOGUE = Path(__file__).parents[4] / "domain" / "sra" / "catalogue" / "2026.1"
NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
DECIDED: dict[int, Literal["accepted", "resolved", "rejected"]] = {5: "accepted", 6: "resolved", 7: "rejected"}
SUPPORT: dict[str | None, Literal["evidenced", "asserted"]] = {"in_place": "evidenced", "partial": "asserted"}
PRINTED = ("encryption_at_rest", "login_mode", "auto_logoff_minutes", "usb_storage", "physical_security", "audit_logging")


@functools.cache
def catalogue(name: str) -> dict[str, Any]:
    return tomllib.loads((CATALOGUE / f"{name}.toml").read_text())


@functools.cache
def lakeview() -> ReportData:
    """125 findings, 23 assets, 14 vendors, two answers, and many parts that are not yet there."""
    survey, expected = lakeview_survey(), lakeview_expected()
    assets = [_asset(one) for one in [*survey["systems"], *survey["modalities"]]]
    names: dict[str, str] = {f"asset:{one['id']}": asset_name(one) for one in [*survey["systems"], *survey["modalities"]]}
    names.update({f"vendor:{one['id']}": one["name"] for one in survey["vendors"]})
    names.update({f"flow:{one['id']}": f"Flow: {one['name']}" for one in survey["flows"]})
    names.update({f"practice:{survey['practice']['id']}": survey["practice"]["name"]})

    def called(subject: str) -> str:
        return names.get(subject, subject)

    findings = tuple(_finding(number, one, called(one["subject"])) for number, one in enumerate(expected["findings"], start=1))
    return ReportData(
        practice=Practice(
            id=survey["practice"]["id"],
            legal_name=survey["practice"]["name"],
            locations=(Location(name="Main office", address="12 Lake Street, Erie, PA"),),
        ),
        brand=Brand(name="Keystone Managed IT", colour="#1f5f5b"),
        edition=Edition(
            version=3,
            status="draft",
            as_of=NOW,
            generated_at=NOW,
            period_start=datetime.date(2025, 11, 23),
            period_end=AS_OF,
            ruleset=catalogue("edition")["ruleset_title"],
            catalogue_edition=catalogue("edition")["id"],
        ),
        prior=PriorVersion(version=2, sealed_at=datetime.datetime(2024, 9, 16, 15, 30, tzinfo=datetime.UTC), sha256="ab" * 32),
        signatures=(
            Signature(
                role="preparer",
                name="MSP field technician",
                title="Keystone Managed IT",
                signed_at=NOW,
                statement="I collected the information in this analysis and evaluated it by the stated method.",
            ),
            Signature(role="approver", statement="I am the security official of this practice and approve this analysis."),
        ),
        scope=_scope(assets, survey),
        elements=tuple(
            Element(
                number=one["number"],
                title=one["title"],
                missing={4: ("145 of 147 topics are not answered",), 8: ("The approver has not signed",)}.get(
                    one["number"], ()
                ),
            )
            for one in catalogue("elements")["element"]
        ),
        collection=(
            CollectionEntry(at=NOW, who="NinjaOne import", source="Remote monitoring", what="Device list", rows=12),
            CollectionEntry(
                at=NOW, who="MSP field technician", source="Site survey", what="Modalities, flows, vendors", rows=23
            ),
            CollectionEntry(at=NOW, who="Office manager", source="Interview", what="Backups, media and visitors"),
        ),
        devices=tuple(one for one in assets if one.location is not None),
        systems=tuple(one for one in assets if one.location is None),
        network_map=lakeview_map(),
        vendors=_vendors(survey, expected),
        findings=findings,
        standards=_standards({"ACC-01": "partial", "WFS-02": "not_in_place", "AUD-01": "in_place"}),
        plan=_plan(findings),
        unknown_facts=tuple(
            UnknownFact(
                subject=called(one["subject"]),
                fact=fact,
                question="Is the data on it encrypted, and how?" if fact == "encryption_at_rest" else None,
            )
            for one in expected["unknown_facts"]
            for fact in one["facts"]
        ),
        undecided_rules=tuple(
            UndecidedRule(
                rule_id=one["rule"],
                title=_threat(one["rule"])["title"],
                missing=tuple(one["missing"]),
                subjects=tuple(called(subject) for subject in one["subjects"]),
            )
            for one in expected["undetermined"]
        ),
        review=Review(
            next_review_on=datetime.date(2027, 11, 22),
            interval_months=12,
            standing=(
                "A new modality, software, flow, vendor or location",
                "An operating system that goes out of support",
                "An incident",
            ),
            fired=(
                Trigger(
                    at=datetime.datetime(2025, 3, 10, tzinfo=datetime.UTC),
                    what="Cloud image archive added",
                    why="A new place holds ePHI",
                    affects=("CLOUD1", "Flow 3"),
                ),
            ),
        ),
        changes=(
            Change(
                kind="added",
                what="Cloud image archive",
                detail="Nightly copy since 2025-03-10",
                at=NOW,
                by="MSP field technician",
            ),
            Change(kind="retired", what="LV-OLDIMG"),
        ),
        method=method(),
        laws=tuple(
            CitedLaw(citation=one["citation"], title=one["standard"], kind=one["type"])
            for one in catalogue("requirements")["requirement"][:40]
        ),
        proposed=proposed(),
        evidence=(
            Evidence(
                name="baa-v-msp.pdf",
                sha256=hashlib.sha256(b"baa").hexdigest(),
                size=182_311,
                added_on=AS_OF,
                supports=("Managed service provider",),
            ),
            Evidence(name="restore-test.txt"),
        ),
        history=(
            HistoryEntry(
                at=datetime.datetime(2024, 9, 16, tzinfo=datetime.UTC), version=2, who="Practice owner", what="Sealed"
            ),
            HistoryEntry(at=NOW, version=3, who="MSP field technician", what="Opened from version 2"),
        ),
    )


def sealed(data: ReportData) -> ReportData:
    """The same analysis, signed and sealed."""
    signatures = tuple(
        one.model_copy(update={"name": one.name or "Practice owner", "signed_at": NOW}) for one in data.signatures
    )
    edition = data.edition.model_copy(update={"status": "sealed"})
    return data.model_copy(update={"signatures": signatures, "edition": edition}).sealed(at=NOW)


@functools.cache
def large() -> ReportData:
    """1,200 risk rows and 160 nodes at six places."""
    small = lakeview()
    network = group_map(nodes=160, locations=6)
    findings = tuple(
        one.model_copy(update={"number": number, "id": f"f-{number}", "subject": node.name})
        for number, (one, node) in enumerate(
            itertools.islice(zip(itertools.cycle(small.findings), itertools.cycle(network.nodes), strict=False), 1200), start=1
        )
    )
    return small.model_copy(
        update={
            "practice": Practice(
                id="harbor-group",
                legal_name="Harbor Dental Group",
                locations=tuple(
                    Location(name=name) for name in sorted({node.location for node in network.nodes if node.location})
                ),
            ),
            "network_map": network,
            "findings": findings,
            "plan": _plan(findings),
        }
    )


@functools.cache
def empty() -> ReportData:
    """A practice opened a minute ago: nothing is there yet, and every part has to say so."""
    whole = lakeview()
    return ReportData(
        practice=Practice(id="new", legal_name="New Practice"),
        brand=Brand(name="Keystone Managed IT"),
        edition=whole.edition.model_copy(update={"version": 1}),
        network_map=whole.network_map.model_copy(update={"nodes": (), "edges": ()}),
        method=Method(name="NIST SP 800-30 Rev. 1", scale_version="1"),
    )


def method() -> Method:
    scales = catalogue("scales")
    return Method(
        name=scales["method"],
        scale_version=catalogue("edition")["id"],
        statement=scales["calibration"],
        scale=tuple(
            ScaleStep(level=Level(one["level"]), likelihood=one["likelihood_calibration"], impact=one["impact_calibration"])
            for one in scales["level"]
        ),
    )


def proposed() -> Proposed:
    rule = catalogue("proposed")["rule"]
    states = itertools.cycle(["unknown", "not_ready", "partly", "ready"])
    return Proposed(
        title=rule["title"],
        notice=f"{rule['title']}, {rule['federal_register']}. {rule['label'].capitalize()}. {rule['status_note']}",
        rows=tuple(
            ProposedRow.model_validate(
                {
                    "id": one["key"],
                    "requirement": one["proposal"],
                    "citation": ", ".join(filter(None, (rule["federal_register"], one.get("citation")))),
                    "state": state,
                }
            )
            for one, state in zip(catalogue("proposed")["change"], states, strict=False)
        ),
    )


def _threat(rule: str) -> dict[str, Any]:
    return next(one for one in catalogue("threats")["threat"] if one["id"] == rule)


def _finding(number: int, found: dict[str, Any], subject: str) -> Finding:
    rule = _threat(found["rule"])
    likelihood, impact = Level.of(rule["likelihood"]), Level.of(rule["impact"])
    return Finding(
        number=number,
        id=f"{found['rule']}:{found['subject']}",
        rule_id=found["rule"],
        title=rule["title"],
        subject=subject,
        threat=rule["threat"],
        vulnerability=rule["vulnerability"],
        citations=tuple(rule["citations"]),
        measures="Nightly backup to the NAS" if number % 4 == 0 else None,
        likelihood=likelihood,
        likelihood_reason=rule["reason"],
        impact=impact,
        impact_reason="Highest of confidentiality, integrity and availability: " + rule["cia"],
        adjustments=("One step up: reached from the internet",) if number % 9 == 0 else (),
        level=risk_level(likelihood=likelihood, impact=impact),
        basis=found["basis"],
        missing_facts=tuple(found.get("facts", ())),
        status=DECIDED.get(number, "open"),
        recommendation=rule["remediation"],
    )


def _asset(one: dict[str, Any]) -> Asset:
    facts = tuple(
        FactLine(name=key.replace("_", " "), value=None if one[key] in {None, "unknown"} else str(one[key]), source="survey")
        for key in PRINTED
        if key in one
    )
    return Asset(
        id=one["id"],
        name=asset_name(one),
        kind=one["kind"],
        location=None if one["location"] == "vendor" else "Main office",
        segment=one.get("segment"),
        owner=one.get("owner"),
        os_name=one.get("os_name"),
        os_support=os_support(one["id"]),
        stores_ephi=one["stores_ephi"],
        facts=facts,
        unknown=("operating system",) if os_support(one["id"]) == "unknown" else (),
    )


def _scope(assets: list[Asset], survey: dict[str, Any]) -> Scope:
    kinds = list(dict.fromkeys(one.kind for one in assets))
    return Scope(
        statement=(
            f"All electronic protected health information that {survey['practice']['name']} creates, receives, keeps or sends, "
            "on every device, system, medium and service, at every location and with every vendor that holds it."
        ),
        included=tuple(
            CountedKind(
                kind=kind,
                count=sum(one.kind == kind for one in assets),
                with_ephi=sum(one.kind == kind and one.stores_ephi is True for one in assets),
                ephi_unknown=sum(one.kind == kind and one.stores_ephi is None for one in assets),
            )
            for kind in kinds
        ),
        exclusions=(Exclusion(what="Paper charts before 2012", reason="No electronic form; kept under the Privacy Rule"),),
    )


def _vendors(survey: dict[str, Any], expected: dict[str, Any]) -> tuple[Vendor, ...]:
    named = {one["id"]: one for one in [*survey["vendors"], *survey["partners"]]}
    agreements = {one["vendor"]: one for one in survey["baas"]}
    rows: list[Vendor] = []
    for one in expected["baa_decisions"]:
        party = one["party"].split(":")[1]
        agreement = agreements.get(party, {})
        rows.append(
            Vendor(
                name=named[party]["name"],
                services=tuple(e["service"] for e in survey["engagements"] if e["vendor"] == party),
                role=one["role"],
                decision=one["decision"],
                reason=one["reason"],
                citations=tuple(one["citation"].split("; ")),
                baa_state=one.get("baa_state"),
                baa_signed_on=agreement.get("signed_on"),
                baa_ends_on=agreement.get("end_on"),
                compliant=one.get("compliant"),
                missing_clauses=None if not agreement else tuple(agreement["missing_required_clauses"]),
            )
        )
    return tuple(rows)


def _standards(states: dict[str, str]) -> tuple[Standard, ...]:
    topics = [
        one for one in catalogue("topics")["topic"] if one["section"] != "RDY"
    ]  # readiness for the proposed rule has its own part
    titles = {one["key"]: one["title"] for one in catalogue("sections")["section"]}
    grouped: dict[str, list[dict[str, Any]]] = {}
    for one in topics:
        grouped.setdefault(one["section"], []).append(one)
    return tuple(
        Standard(
            citation=members[0]["citations"][0],
            title=titles[section],
            answers=tuple(_answer(one, states.get(one["id"])) for one in members),
        )
        for section, members in grouped.items()
    )


def _answer(topic: dict[str, Any], state: str | None) -> Answer:
    return Answer(
        topic_id=topic["id"],
        topic=topic["question"],
        requirement=topic["primary_type"],
        state=state,
        support=SUPPORT.get(state, "none"),
        citations=tuple(topic["citations"]),
        rationale="Two long-serving staff, references on file" if state == "not_in_place" else None,
        gap=topic["gap_when"] if state in {"partial", "not_in_place"} else None,
        evidence=("audit-log-2026-10.pdf",) if state == "in_place" else (),
        answered_by="Office manager" if state else None,
        answered_at=NOW if state else None,
    )


def _plan(findings: tuple[Finding, ...]) -> tuple[PlanTask, ...]:
    first = [one.number for one in findings if one.rule_id == "CAP-03"]
    accepted = [one.number for one in findings if one.status == "accepted"]
    return (
        PlanTask(
            ref="T-1",
            title="Replace the capture workstations whose system is out of support",
            findings=tuple(first),
            treatment="reduce",
            owner="MSP",
            due_on=datetime.date(2027, 1, 31),
            status="in_progress",
            residual_level=Level.low,
        ),
        PlanTask(ref="T-2", title="Sign an agreement with the cloud archive", findings=(5,), treatment="reduce", status="open"),
        PlanTask(
            ref="T-3",
            title="Accepted until the scanner is replaced",
            findings=tuple(accepted),
            treatment="accept",
            owner="Practice owner",
            status="done",
            verified_by="Security official",
            verified_at=NOW,
            residual_level=Level.moderate,
            acceptance=Acceptance(
                signer="Practice owner",
                title="Owner",
                at=NOW,
                reason="The maker offers no update; the scanner stands in a locked room.",
                expires_on=datetime.date(2027, 5, 31),
            ),
        ),
    )
