"""The network map: everything said in words, unknown never drawn as good, and no name that becomes syntax."""

import datetime
import itertools
import json
import re
import threading
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from domain.inventory import map_layout
from domain.inventory.map import MapEdge, MapNode, NetworkMap, edge_flags, node_flags, sentences, summary, to_json
from domain.inventory.map_drawing import line_style, to_svg
from domain.inventory.map_labels import visible, wrap
from domain.inventory.map_mermaid import to_mermaid
from domain.inventory.map_plan import plan
from tests.domain.sra.report.sample_map import AS_OF, group_map, lakeview_map

NASTY = [
    '"]; evil [label="x',
    "</text><script>alert(1)</script>",
    "<b>bold</b> & <img src=x onerror=alert(1)>",
    '"] end; click n1 "javascript:alert(1)"',
    "%%{init: {}}%% `md` #quot; end",
    "a\\nb\\",
    "line one\nline two",
    "right\u202eleft\u0000zero",
    "牙科 عيادة Ёж",
    "W" * 200,
    " ",
]
SVG = "{http://www.w3.org/2000/svg}"


def node(node_id: str, **changes: object) -> MapNode:
    fields: dict[str, object] = {
        "id": node_id,
        "name": node_id,
        "kind": "capture_workstation",
        "location": "Main office",
        "segment": None,
        "stores_ephi": False,
        "os_support": "supported",
    }
    return MapNode.model_validate(fields | changes)


def edge(source: str, destination: str, **changes: object) -> MapEdge:
    fields: dict[str, object] = {
        "id": f"{source}-{destination}",
        "source": source,
        "destination": destination,
        "method": "smb",
        "encrypted": True,
        "logged": True,
        "crosses_internet": False,
        "purpose": "treatment",
        "direction": "internal",
        "label": "images",
    }
    return MapEdge.model_validate(fields | changes)


def network(*nodes: MapNode, edges: tuple[MapEdge, ...] = ()) -> NetworkMap:
    return NetworkMap(title="Sample practice", as_of=AS_OF, nodes=nodes, edges=edges)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


class TestRows:
    def test_an_edge_to_nowhere_is_refused_with_its_reason(self) -> None:
        with pytest.raises(ValidationError, match="names 'b', which is no node of this map"):
            network(node("a"), edges=(edge("a", "b"),))

    def test_two_nodes_with_one_id_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="two nodes share the id 'a'"):
            network(node("a"), node("a"))

    def test_clusters_are_places_and_their_segments(self) -> None:
        drawn = network(
            node("a", segment="clinical"),
            node("b"),
            node("c", location=None, hosted=True),
            node("d", location=None, outside=True),
            node("e", location=None),
        )
        assert [(cluster.name, cluster.kind, cluster.nodes) for cluster in drawn.clusters] == [
            ("Main office", "location", ("a", "b")),
            ("clinical", "segment", ("a",)),
            ("Segment not recorded", "segment", ("b",)),
            ("Hosted services", "location", ("c",)),
            ("Outside parties", "location", ("d",)),
            ("Location not recorded", "location", ("e",)),
        ]


class TestWords:
    def test_json_carries_rows_clusters_and_words(self) -> None:
        told = json.loads(to_json(lakeview_map()))
        assert len(told["nodes"]) == 28
        assert len(told["edges"]) == 11
        assert {cluster["name"] for cluster in told["clusters"]} >= {"Main office", "flat", "Hosted services"}
        assert told["as_of"] == "2026-11-22"
        assert len(told["text"]) == 5 + 11

    def test_a_flow_is_one_sentence_with_everything_known_and_unknown(self) -> None:
        told = sentences(network(node("a"), node("b"), edges=(edge("a", "b", encrypted=False, logged=None),)))
        assert told[-1] == (
            "Flow 1. images: a sends to b by SMB; not encrypted, logging not known, stays off the internet, purpose treatment."
        )

    def test_what_nobody_recorded_is_said(self) -> None:
        unknown = edge("a", "b", method=None, encrypted=None, logged=None, crosses_internet=None, purpose=None, label="")
        told = sentences(network(node("a", stores_ephi=None, os_support="unknown"), node("b"), edges=(unknown,)))
        assert told[0].startswith("Main office: a (capture workstation, holds ePHI not known, OS support not known)")
        assert told[-1] == (
            "Flow 1. a sends to b by a method not known; encryption not known, logging not known, "
            "crossing of the internet not known, purpose not recorded."
        )

    def test_counts_keep_bad_and_unknown_apart(self) -> None:
        counted = summary(lakeview_map())
        assert "flows not encrypted: 7" in counted
        assert "flows not logged: 3; flows not known to be logged or not: 3" in counted

    @pytest.mark.parametrize(("encrypted", "logged"), list(itertools.product([True, False, None], repeat=2)))
    def test_only_a_flow_shown_to_be_encrypted_and_logged_has_no_flag(
        self, encrypted: bool | None, logged: bool | None
    ) -> None:
        flags = edge_flags(edge("a", "b", encrypted=encrypted, logged=logged))
        assert (flags == ()) == (encrypted is True and logged is True)

    def test_only_a_node_known_to_be_harmless_has_no_badge(self) -> None:
        assert node_flags(node("a")) == ()
        assert node_flags(node("a", stores_ephi=None, os_support="unknown")) == (
            "holds ePHI not known",
            "OS support not known",
        )


class TestDrawing:
    def test_every_state_of_a_line_looks_different_from_good(self) -> None:
        good = line_style(encrypted=True, logged=True)
        others = [
            line_style(encrypted=encrypted, logged=logged)
            for encrypted, logged in itertools.product([True, False, None], repeat=2)
            if not (encrypted and logged)
        ]
        assert "stroke_dasharray" not in good
        assert all(style != good for style in others)
        assert line_style(encrypted=False, logged=True)["stroke"] == "#b3261e"
        unlogged = line_style(encrypted=True, logged=False)["stroke_dasharray"]
        doubtful = line_style(encrypted=None, logged=True)["stroke_dasharray"]
        assert unlogged != doubtful

    def test_the_picture_says_its_flags_in_words_too(self) -> None:
        shown = texts(to_svg(network(node("a"), node("b"), edges=(edge("a", "b", encrypted=None, logged=False),))))
        assert {"1 · SMB", "encryption not known", "not logged"} <= set(shown)

    def test_it_is_accessible(self) -> None:
        root = ElementTree.fromstring(to_svg(lakeview_map()))
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == "map-title map-desc"
        title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert title is not None
        assert title.text == "Lakeview Family Dental: network map as of 2026-11-22"
        assert description is not None
        assert description.text is not None
        assert all(sentence in description.text for sentence in sentences(lakeview_map()))

    def test_the_same_map_gives_the_same_bytes_from_any_thread(self) -> None:
        drawn = lakeview_map()
        first = to_svg(drawn)
        others: list[str] = []
        threads = [threading.Thread(target=lambda: others.append(to_svg(drawn))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert others == [first] * 3

    @pytest.mark.parametrize("name", NASTY)
    def test_no_name_becomes_markup(self, name: str) -> None:
        ours = node("a", name=name, kind=name, location=name, segment=name)
        drawn = network(ours, node("b"), edges=(edge("a", "b", method=name, purpose=name, label=name),))
        harmless = network(
            ours.model_copy(update={"name": "x", "kind": "x", "location": "x", "segment": "x"}),
            node("b"),
            edges=(edge("a", "b", method="x", purpose="x", label="x"),),
        )
        root = ElementTree.fromstring(to_svg(drawn.model_copy(update={"title": name})))
        tags = {element.tag for element in root.iter()}
        assert tags == {element.tag for element in ElementTree.fromstring(to_svg(harmless)).iter()}
        assert not any(attribute.startswith("on") for element in root.iter() for attribute in element.attrib)

    def test_a_name_never_reaches_graphviz(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []

        def keep(dots: list[str]) -> list[dict[str, object]]:
            seen.extend(dots)
            return []

        monkeypatch.setattr(map_layout, "_graphviz", keep)
        drawn = network(node("secretname", location="secretplace", segment="secretnet"), node("b"))
        to_svg(drawn)
        assert seen
        assert not any("secret" in dot for dot in seen)

    def test_every_node_is_drawn_once(self) -> None:
        drawn = group_map(nodes=120)
        shown = texts(to_svg(drawn))
        for one in drawn.nodes:
            assert shown.count(one.name) == 1, one.name

    def test_nodes_wired_alike_share_a_frame_and_keep_their_flow_numbers(self) -> None:
        rooms = tuple(node(f"room{number}") for number in range(1, 6))
        wired = tuple(edge(room.id, "server") for room in rooms)
        drawn = network(*rooms, node("server"), edges=wired)
        assert len(plan(drawn, place=None).units) == 2
        shown = texts(to_svg(drawn))
        assert "1–5 · SMB" in shown
        assert {"flow 1", "flow 5"} <= set(shown)

    def test_one_place_of_a_group_shows_what_it_exchanges_with_under_the_same_numbers(self) -> None:
        group = group_map(nodes=60)
        part = plan(group, place="Harbor Kids")
        inside = {node.id for node in group.nodes if node.location == "Harbor Kids"}
        numbers = sorted(number for bundle in part.bundles for number in bundle.numbers)
        expected = [n for n, e in enumerate(group.edges, start=1) if e.source in inside or e.destination in inside]
        assert numbers == expected
        assert "Harbor Dental Group: Harbor Kids" in texts(to_svg(group, place="Harbor Kids"))

    def test_a_plain_grid_answers_when_graphviz_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(map_layout, "SECONDS", 0.001)
        drawn = lakeview_map()
        shown = texts(to_svg(drawn))
        assert all(one.name in shown for one in drawn.nodes)
        assert to_svg(drawn) == to_svg(drawn)

    def test_an_empty_map_says_so(self) -> None:
        assert "No device, system or flow is recorded." in texts(to_svg(network()))

    def test_a_flow_to_itself_is_drawn(self) -> None:
        assert "1 · SMB" in texts(to_svg(network(node("a"), edges=(edge("a", "a"),))))


class TestMermaid:
    def test_nodes_links_and_states(self) -> None:
        drawn = network(
            node("a", os_support="ended"), node("b", hosted=True, location=None),
            edges=(edge("a", "b", encrypted=None, logged=False),),
        )  # fmt: skip
        text = to_mermaid(drawn)
        assert 'n1["a<br/>capture workstation, OS out of support"]' in text
        assert 'n1 -->|"1: SMB, encryption not known, not logged"| n2' in text
        assert "linkStyle 0 stroke:#7a4b00" in text
        assert "class n1 ended" in text

    @pytest.mark.parametrize("name", NASTY)
    def test_no_name_becomes_syntax(self, name: str) -> None:
        text = to_mermaid(network(node("a", name=name, kind=name, location=name), edges=(edge("a", "a", method=name),)))
        harmless = to_mermaid(network(node("a", name="x", kind="x", location="x"), edges=(edge("a", "a", method="x"),)))
        quoted = re.compile(r'"[^"\n]*"')
        assert quoted.sub("", text) == quoted.sub("", harmless)
        labels = "".join(quoted.findall(text)).replace("<br/>", "")
        assert not set("<>`&\\") & set(labels)


class TestLabels:
    def test_hidden_characters_are_shown_and_spelling_is_kept(self) -> None:
        assert visible("a\u202eb\u0007") == "a[U+202E]b[U+0007]"
        assert visible("می\u200cخواهم\nx") == "می\u200cخواهم\nx"

    def test_long_names_break_and_end_in_an_ellipsis(self) -> None:
        lines = wrap("W" * 400, width=100, size=10, lines=3)
        assert len(lines) == 3
        assert lines[-1].endswith("…")
        assert wrap("two words", width=1000, size=10, lines=3) == ("two words",)


def test_an_as_of_date_is_a_date() -> None:
    assert lakeview_map().as_of == datetime.date(2026, 11, 22)
