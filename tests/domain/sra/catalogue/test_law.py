"""The law as rows: what is counted, what is in force, and what is only proposed."""

from collections import Counter
from datetime import date

import pytest

from domain.sra.catalogue import Requirement, catalogue

LAW = catalogue()


def specifications(*, safeguard: str) -> Counter[str]:
    return Counter(row.type for row in LAW.specifications if row.safeguard == safeguard)


@pytest.mark.parametrize(
    ("safeguard", "required", "addressable"),
    [
        ("administrative", 10, 11),
        ("physical", 2, 6),
        ("technical", 2, 5),
        ("organizational", 7, 0),
        ("documentation", 3, 0),
    ],
)
def test_specifications_are_counted_as_in_the_rule(safeguard: str, required: int, addressable: int) -> None:
    counted = specifications(safeguard=safeguard)
    assert (counted["required"], counted["addressable"]) == (required, addressable)


def test_there_are_46_specifications_of_22_standards() -> None:
    assert Counter(row.type for row in LAW.specifications) == {"required": 24, "addressable": 22}
    assert Counter(row.safeguard for row in LAW.standards) == {
        "administrative": 9,
        "physical": 4,
        "technical": 5,
        "organizational": 2,
        "documentation": 2,
    }
    in_rule = [row for row in LAW.requirements if row.in_security_rule and row.type != "paragraph"]
    assert Counter(row.type for row in in_rule)["general"] == 5
    assert len(in_rule) == 74


def test_the_subcontractor_limb_is_no_second_standard() -> None:
    limb = LAW.requirement("164.308(b)(2)")
    assert limb is not None
    assert limb.type == "standard"
    assert limb.same_standard_as == "164.308(b)(1)"
    assert limb not in LAW.standards


def test_seven_standards_have_no_specification() -> None:
    bare = [row.citation for row in LAW.standards if not LAW.specifications_of(row)]
    assert bare == [
        "164.308(a)(2)",
        "164.308(a)(8)",
        "164.310(b)",
        "164.310(c)",
        "164.312(b)",
        "164.312(d)",
        "164.316(a)",
    ]


def test_every_specification_belongs_to_a_standard() -> None:
    standards = {row.key for row in LAW.standards}
    assert {row.parent for row in LAW.specifications} <= standards


def test_what_a_dental_practice_normally_marks_not_applicable_says_why() -> None:
    elsewhere = [row for row in LAW.specifications if row.dental != "applies"]
    assert [row.citation for row in elsewhere] == [
        "164.308(a)(4)(ii)(A)",
        "164.314(a)(2)(ii)",
        "164.314(b)(2)(i)",
        "164.314(b)(2)(ii)",
        "164.314(b)(2)(iii)",
        "164.314(b)(2)(iv)",
    ]
    assert all(row.dental_note for row in elsewhere)


@pytest.mark.parametrize(
    ("printed", "title"),
    [
        ("164.308(a)(1)(ii)(A)", "Risk analysis"),
        ("164.402", "Breach"),
        ("164.402 unsecured protected health information", "Unsecured protected health information"),
        ("160.103 business associate (4)(i)", "Business associate: not a provider for treatment"),
        ("164.308(a)(5)", "Security awareness and training"),
    ],
)
def test_a_citation_is_found_as_it_is_printed(printed: str, title: str) -> None:
    row = LAW.requirement(printed)
    assert row is not None
    assert row.title == title


@pytest.mark.parametrize(
    "citation",
    [
        "164.306(a)(1)",
        "164.306(a)(2)",
        "164.306(b)(2)",
        "164.306(d)(2)",
        "164.306(d)(3)",
        "164.314(a)(2)(i)(C)",
        "164.502(a)",
        "164.502(e)",
        "164.504(e)",
        "164.504(e)(1)",
        "164.504(e)(2)",
        "164.508",
        "164.514(a)",
        "164.514(b)",
        "164.514(b)(1)",
        "164.514(b)(2)(i)(P)",
        "164.514(b)(2)(i)(Q)",
        "164.530(c)(2)(ii)",
    ],
)
def test_paragraphs_above_and_below_the_rows_resolve_and_count_as_nothing(citation: str) -> None:
    row = LAW.requirement(citation)
    assert row is not None
    assert row.type == "paragraph"
    assert row not in LAW.standards
    assert row not in LAW.specifications


def test_a_citation_that_nobody_wrote_down_resolves_to_nothing() -> None:
    assert LAW.requirement("164.999(z)") is None


def test_the_breach_clocks_are_in_the_rows() -> None:
    def says(citation: str, words: str) -> bool:
        row = LAW.requirement(citation)
        return row is not None and words in row.summary

    assert says("164.404(b)", "no later than 60 calendar days after discovery")
    assert says("164.406", "More than 500 residents of a State")
    assert says("164.408(b)", "Contemporaneously")
    assert says("164.408(c)", "60 days after end of calendar year")
    assert says("164.316(b)(2)(i)", "6 years from creation or the date last in effect, whichever is later")


def test_every_row_has_a_source_and_is_in_force() -> None:
    assert len([row for row in LAW.requirements if not row.in_security_rule and row.type != "paragraph"]) == 62
    assert all(row.source and row.verified and row.status == "in_force" for row in LAW.requirements)


def test_the_proposal_is_40_parameters_and_is_never_called_law() -> None:
    assert len(LAW.proposed_changes) == 40
    assert LAW.proposed_rule.label == "proposed, not law"
    assert {row.status for row in LAW.proposed_changes} == {"proposed"}


def test_proposed_changes_are_not_keyed_by_citations_because_the_proposal_renumbers() -> None:
    encryption = LAW.proposed_change_by_key["encryption"]
    audit_controls = LAW.requirement("164.312(b)")
    assert audit_controls is not None
    assert encryption.citation == audit_controls.citation
    assert encryption.title != audit_controls.title
    assert not set(LAW.proposed_change_by_key) & set(LAW.requirement_by_key)


def test_the_clock_of_240_days_starts_with_a_final_rule_only() -> None:
    rule = LAW.proposed_rule
    assert (rule.effective_after_days, rule.compliance_after_effective_days) == (60, 180)
    assert rule.effective_on(date(2027, 7, 1)) == date(2027, 8, 30)
    assert rule.compliance_on(date(2027, 7, 1)) == date(2028, 2, 26)
    assert not hasattr(rule, "compliance_date")


def test_what_is_from_memory_in_the_proposal_says_so() -> None:
    unverified = {row.key: row.from_memory for row in LAW.proposed_changes if row.from_memory}
    assert unverified == {
        "risk_analysis": ("value", "elements"),
        "evaluation": ("citation",),
        "segmentation_policy": ("citation",),
        "training": ("citation", "proposal", "value"),
        "incident_plan": ("value",),
        "security_measures_review": ("citation",),
        "group_health_plan": ("citation",),
        "baa_transition": ("value",),
    }


def test_rows_cannot_be_changed() -> None:
    row: Requirement = LAW.requirements[0]
    with pytest.raises(ValueError, match="frozen"):
        row.summary = "something else"
