"""The questions: how many there are, what they rest on, and that nothing of the rule is left unasked."""

from collections import Counter

from domain.sra.catalogue import catalogue

GUIDE = catalogue()
SCORED = [topic for topic in GUIDE.topics if topic.scored]


def test_139_topics_are_scored_and_8_are_not() -> None:
    assert Counter(topic.depth for topic in GUIDE.topics) == {"core": 119, "extended": 20, "readiness": 8}
    assert Counter(topic.answer_type for topic in GUIDE.topics) == {"yn": 101, "addr": 35, "na": 3, "ready": 8}
    assert len(SCORED) == 139


def test_every_standard_and_every_specification_is_asked_for() -> None:
    asked = {citation for topic in SCORED for citation in topic.citations}
    assert {row.citation for row in GUIDE.specifications} <= asked
    directly = {row.citation for row in GUIDE.standards} & asked
    through_specifications = {row.parent for row in GUIDE.specifications if row.citation in asked}
    assert {row.key for row in GUIDE.standards} <= directly | through_specifications


def test_an_addressable_question_never_excuses_a_required_specification() -> None:
    cited = {
        citation: row
        for topic in GUIDE.topics
        if topic.answer_type == "addr"
        for citation in topic.citations
        if (row := GUIDE.requirement(citation)) is not None
    }
    assert "required" not in {row.type for row in cited.values()}


def test_every_topic_says_why_in_words_of_its_own() -> None:
    assert len({topic.why for topic in GUIDE.topics}) == len(GUIDE.topics)
    assert all(topic.why.endswith(".") and len(topic.why) > 40 for topic in GUIDE.topics)


def test_the_sections_hold_all_topics_in_order() -> None:
    assert [topic for section in GUIDE.sections for topic in GUIDE.topics_in(section)] == list(GUIDE.topics)
    assert len(GUIDE.sections) == 23


def test_readiness_is_labelled_proposed_wherever_it_shows() -> None:
    readiness = GUIDE.section_by_key["RDY"]
    assert readiness.intro.startswith("Proposed, not law:")
    for topic in GUIDE.topics_in(readiness):
        assert topic.why.startswith("Proposed, not law:")
        assert topic.proposed
        assert not topic.scored


def test_only_readiness_speaks_of_proposed_changes() -> None:
    assert not [topic.id for topic in SCORED if topic.proposed or "proposed" in topic.why.lower()]


def test_rules_about_something_else_are_linked_but_show_nothing() -> None:
    """A backup that ransomware can reach says nothing about whether the response plan was rehearsed."""
    rehearsed = GUIDE.topic_by_id["INC-05"]
    assert rehearsed.threat_rules == ("BKP-02",)
    assert rehearsed.shown_by == ()
    supported = GUIDE.topic_by_id["IMG-02"]
    assert supported.threat_rules == ("CAP-03", "CAP-04", "CAP-05", "SEN-03")
    assert supported.shown_by == ("CAP-03", "SEN-03")


def test_rules_that_read_answers_never_propose_one_for_a_single_specification() -> None:
    """GOV-03 looks over all addressable answers; for "are there security reminders" it proves nothing."""
    shown_by_answers = [topic.id for topic in GUIDE.topics if {"GOV-03", "GOV-04"} & set(topic.shown_by)]
    assert shown_by_answers == ["DOC-02"]
    assert not GUIDE.topic_by_id["DOC-02"].settled_by_facts


def test_the_nine_elements_are_in_order() -> None:
    assert [element.key for element in GUIDE.elements] == [
        "scope",
        "data_collection",
        "threats_vulnerabilities",
        "current_measures",
        "likelihood",
        "impact",
        "risk_level",
        "documentation",
        "review",
    ]
