"""Who is a business associate (45 CFR 160.103): every row of the decision table, and the three sample practices."""

from datetime import date
from typing import Any

import pytest

from domain.sra.catalogue import catalogue
from domain.vendors.decision import MSP_ENGAGEMENT, Decision, decide_engagement, decide_partner, decide_vendor
from domain.vendors.roster import Party, roster
from tests.samples.practices import PRACTICES, practice

TODAY = date(2026, 11, 22)

NOTHING: dict[str, Any] = {
    "service": "any",
    "creates_phi": False,
    "receives_phi": False,
    "maintains_phi": False,
    "transmits_phi": False,
    "remote_access": "none",
}
"""Everything is known, and nothing of it concerns PHI."""


def decide(**facts: Any) -> Decision:
    return decide_engagement(NOTHING | facts, as_of=TODAY)


@pytest.mark.parametrize(
    ("facts", "decision", "role", "code"),
    [
        pytest.param({}, "not_required", "none", "no_phi_no_access", id="on-premises driver, no access"),
        pytest.param({"maintains_phi": True}, "required", "business_associate", "stores_ephi", id="stores"),
        pytest.param(
            {"maintains_phi": True, "no_view_encrypted": True},
            "required",
            "business_associate",
            "stores_ephi_without_the_key",
            id="stores without the key",
        ),
        pytest.param({"transmits_phi": True, "transient_only": True}, "not_required", "conduit", "conduit", id="conduit"),
        pytest.param(
            {"maintains_phi": True, "transient_only": True}, "not_required", "conduit", "conduit", id="transient storage"
        ),
        pytest.param(
            {"service": "email", "maintains_phi": True, "transmits_phi": True},
            "required",
            "business_associate",
            "stores_ephi",
            id="mail that keeps messages is no conduit",
        ),
        pytest.param(
            {"remote_access": "attended", "can_view_ephi": True},
            "required",
            "business_associate",
            "remote_view",
            id="remote support that can see patients",
        ),
        pytest.param(dict(MSP_ENGAGEMENT), "required", "business_associate", "remote_view", id="the MSP"),
        pytest.param({"service": "e_prescribing"}, "required", "business_associate", "e_prescribing", id="e-prescribing"),
        pytest.param(
            {"service": "lab", "receives_phi": True}, "needs_facts", "undetermined", "role_decision_missing", id="lab"
        ),
        pytest.param(
            {"service": "aligner", "receives_phi": True},
            "needs_facts",
            "undetermined",
            "role_decision_missing",
            id="aligner",
        ),
        pytest.param({"service": "milling"}, "needs_facts", "undetermined", "role_decision_missing", id="milling"),
        pytest.param(
            {"service": "ai_reading", "receives_phi": True},
            "needs_facts",
            "undetermined",
            "role_decision_missing",
            id="AI reading",
        ),
        pytest.param({"service": "cbct_planning"}, "needs_facts", "undetermined", "role_decision_missing", id="CBCT planning"),
        pytest.param(
            {"service": "clearinghouse", "receives_phi": True, "transmits_phi": True},
            "required",
            "business_associate",
            "handles_phi",
            id="clearinghouse",
        ),
        pytest.param(
            {"service": "cleaning", "incidental_only": True}, "not_required", "none", "incidental_exposure", id="cleaner"
        ),
        pytest.param(
            {"service": "modality_service", "receives_phi": True},
            "required",
            "business_associate",
            "handles_phi",
            id="service engineer who takes disks",
        ),
        pytest.param(
            {"service": "media_destruction", "receives_phi": True},
            "required",
            "business_associate",
            "handles_phi",
            id="shredding",
        ),
        pytest.param(
            {"service": "card_payments", "payment_processing_only": True},
            "not_required",
            "none",
            "payment_processing",
            id="payments",
        ),
        pytest.param({"receives_phi": None}, "needs_facts", "undetermined", "facts_missing", id="unknown is not no"),
        pytest.param(
            {"remote_access": "attended", "can_view_ephi": False},
            "not_required",
            "none",
            "access_without_view",
            id="remote sessions that show nothing",
        ),
    ],
)
def test_each_row_of_the_table(facts: dict[str, Any], decision: str, role: str, code: str) -> None:
    made = decide(**facts)
    assert (made.decision, made.role, made.code) == (decision, role, code)


def test_switching_on_remote_support_turns_no_into_yes() -> None:
    driver = {"service": "sensor_driver", "on_premises_only": True}
    assert decide(**driver).decision == "not_required"
    assert decide(**driver, remote_access="attended").decision == "needs_facts"
    assert decide(**driver, remote_access="attended", can_view_ephi=True).decision == "required"
    assert decide(**driver, transmits_phi=True).decision == "required"


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({"creates_phi": None}, ("creates_phi",)),
        ({"maintains_phi": "unknown", "transmits_phi": ""}, ("maintains_phi", "transmits_phi")),
        ({"remote_access": None}, ("remote_access", "can_view_ephi")),
        ({"remote_access": "unattended"}, ("can_view_ephi",)),
        ({"remote_access": "sometimes", "can_view_ephi": False}, ("remote_access",)),
        ({"receives_phi": "no"}, ("receives_phi",)),
    ],
)
def test_what_is_missing_is_named(facts: dict[str, Any], missing: tuple[str, ...]) -> None:
    made = decide(**facts)
    assert (made.decision, made.missing, made.reason) == ("needs_facts", missing, f"not known: {', '.join(missing)}")
    assert made.known_role is None


@pytest.mark.parametrize(
    ("role", "decision", "sentence"),
    [
        ("business_associate", "required", "recorded role decision of 2026-04-02: acts for the practice"),
        ("treatment_provider", "not_required", "recorded role decision of 2026-04-02: treatment_provider"),
        ("conduit", "not_required", "recorded role decision of 2026-04-02: conduit"),
    ],
)
def test_a_recorded_decision_comes_before_the_facts(role: str, decision: str, sentence: str) -> None:
    made = decide(service="lab", maintains_phi=True, role_decision={"role": role, "decided_on": "2026-04-02"})
    assert (made.decision, made.role, made.reason) == (decision, role, sentence)


@pytest.mark.parametrize(
    "record",
    [
        {"role": "undetermined", "decided_on": "2026-01-01"},
        {"decided_on": "2026-01-01"},
        {"role": "conduit", "decided_on": "2026-11-23"},
        "conduit",
    ],
)
def test_a_record_that_decides_nothing_yet_decides_nothing(record: Any) -> None:
    assert decide(service="lab", role_decision=record).code == "role_decision_missing"


def test_a_decision_without_a_day_says_so() -> None:
    assert "an unrecorded day" in decide(role_decision={"role": "conduit"}).reason


@pytest.mark.parametrize(
    ("kind", "decision", "role"),
    [
        ("specialist", "not_required", "treatment_provider"),
        ("hospital", "not_required", "treatment_provider"),
        ("dentist", "not_required", "treatment_provider"),
        ("insurer", "not_required", "health_plan"),
        ("patient", "not_required", "none"),
        ("lab", "needs_facts", "undetermined"),
        ("other", "needs_facts", "undetermined"),
    ],
)
def test_a_dentist_who_treats_the_patient_needs_no_agreement(kind: str, decision: str, role: str) -> None:
    made = decide_partner(kind, as_of=TODAY)
    assert (made.decision, made.role) == (decision, role)


def test_a_laboratory_as_a_partner_goes_by_its_recorded_role() -> None:
    facts = {"role_decision": {"role": "business_associate", "decided_on": "2026-01-01"}}
    assert decide_partner("lab", facts, as_of=TODAY).decision == "required"


# --- several engagements --------------------------------------------------------------------------------------------------


def test_the_strongest_decision_of_a_vendor_counts_in_any_order() -> None:
    sale, service, unclear = NOTHING, NOTHING | {"receives_phi": True}, NOTHING | {"receives_phi": None}
    assert decide_vendor([("1", sale), ("2", service), ("3", unclear)], as_of=TODAY).engagement == "2"
    assert decide_vendor([("3", unclear), ("1", sale)], as_of=TODAY).decision == "needs_facts"
    assert decide_vendor([("1", sale)], as_of=TODAY).decision == "not_required"


def test_an_ended_engagement_counts_only_when_none_is_left() -> None:
    ended = NOTHING | {"maintains_phi": True, "ended_on": "2026-11-21"}
    assert decide_vendor([("1", ended), ("2", NOTHING)], as_of=TODAY).decision == "not_required"
    assert decide_vendor([("1", ended)], as_of=TODAY).decision == "required"
    assert decide_vendor([("1", ended | {"ended_on": "2026-11-22"}), ("2", NOTHING)], as_of=TODAY).decision == "required"


def test_a_vendor_of_whom_nobody_says_what_it_does_needs_facts() -> None:
    made = decide_vendor([], as_of=TODAY)
    assert (made.decision, made.reason) == ("needs_facts", "not known: service")


# --- words and citations --------------------------------------------------------------------------------------------------


def test_every_reason_cites_rows_that_the_catalogue_has() -> None:
    for reason in catalogue().baa.reason:
        assert reason.sentence
        for citation in reason.citations:
            assert catalogue().requirement(citation) is not None, (reason.code, citation)


# --- the sample practices -------------------------------------------------------------------------------------------------


def as_expected(party: Party) -> dict[str, Any]:
    decision = party.decision
    line: dict[str, Any] = {
        "party": party.party,
        "decision": decision.decision,
        "role": decision.role,
        "reason": decision.reason,
        "citation": decision.citation,
    }
    if party.baa_state is not None:
        line |= {"baa_state": party.baa_state, "compliant": party.compliant}
    if party.vendor_ended:
        line["vendor_status"] = "ended"
    return line


@pytest.mark.parametrize("name", PRACTICES)
def test_the_roster_of_a_practice_is_exact_in_decision_reason_citation_and_state(name: str) -> None:
    found = {party.party: as_expected(party) for party in roster(practice(name).world)}
    assert found == {line["party"]: line for line in practice(name).expected["baa_decisions"]}


def test_the_service_provider_itself_is_on_the_roster_of_each_practice() -> None:
    for name in PRACTICES:
        msp = next(party for party in roster(practice(name).world) if party.party == "vendor:v-msp")
        assert msp.decision.decision == "required"
