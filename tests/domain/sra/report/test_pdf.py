"""The PDF: every typed word is in it, a draft is never mistaken for the sealed report, and what is not law says so."""

import functools
import io
import re
import time
from collections.abc import Callable
from typing import Any

import pypdf
import pytest

from domain.sra.report.brand import Brand, Logo
from domain.sra.report.dataset import ReportData, SealBroken
from domain.sra.report.fonts import printable
from domain.sra.report.pdf import render_pdf
from tests.domain.sra.report.sample import empty, lakeview, large, sealed
from tests.domain.sra.report.test_dataset import PNG
from tests.domain.sra.report.typed_text import NASTY, marked

PROPOSED = "PROPOSED—NOTLAW"
INVISIBLE = re.compile("[\\s\u00ad\u200b\u200c\u200d\u2060\ufe0f]+")


def squeezed(text: str) -> str:
    """Without spaces and invisible characters: where a line was broken does not matter."""
    return INVISIBLE.sub("", text)


def pages_of(pdf: bytes) -> list[str]:
    return [squeezed(page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


@functools.cache
def draft() -> tuple[bytes, list[str]]:
    pdf = render_pdf(lakeview())
    return pdf, pages_of(pdf)


@functools.cache
def final() -> tuple[bytes, list[str]]:
    pdf = render_pdf(short_and_sealed())
    return pdf, pages_of(pdf)


@functools.cache
def short_and_sealed() -> ReportData:
    """A few dozen pages less to read back."""
    return sealed(lakeview().model_copy(update={"findings": lakeview().findings[:25], "standards": lakeview().standards[:1]}))


@functools.cache
def typed() -> str:
    return "".join(pages_of(nasty_report()))


@functools.cache
def nasty_report() -> bytes:
    """One finding for each nasty text, in every kind of place."""
    rows = tuple(
        lakeview()
        .findings[0]
        .model_copy(update={"number": number, "vulnerability": nasty, "title": nasty, "subject": nasty, "measures": nasty})
        for number, nasty in enumerate(NASTY, start=1)
    )
    network = lakeview().network_map
    nodes = tuple(
        node.model_copy(update={"name": nasty, "segment": nasty, "location": nasty})
        for node, nasty in zip(network.nodes, NASTY, strict=False)
    )
    drawn = network.model_copy(update={"nodes": nodes, "edges": ()})
    return render_pdf(empty().model_copy(update={"findings": rows, "network_map": drawn}))


class TestNothingIsLost:
    def test_every_text_field_is_printed(self) -> None:
        data, texts = marked(lambda word, path: word)
        whole = "".join(pages_of(render_pdf(data)))
        assert len(texts) > 110
        assert [path for path, text in texts.items() if not re.search(text, whole, re.IGNORECASE)] == []

    @pytest.mark.parametrize("nasty", NASTY)
    def test_whatever_is_typed_stays_text(self, nasty: str) -> None:
        for word in printable(nasty).split():
            shown = squeezed(word)
            backwards = "".join(reversed(shown))  # some readers give right-to-left words as they are seen
            assert shown in typed() or backwards in typed(), ascii(word)

    def test_nothing_is_set_beside_the_sheet(self) -> None:
        outside: list[str] = []
        for page in pypdf.PdfReader(io.BytesIO(nasty_report())).pages:
            width, height = float(page.mediabox.width), float(page.mediabox.height)

            def look(text: str, cm: Any, tm: Any, *_: Any, width: float = width, height: float = height) -> None:
                x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
                if text.strip() and not (20 < x < width - 20 and 20 < y < height - 20):
                    outside.append(text)

            page.extract_text(visitor_text=look)
        assert outside == []

    def test_no_nasty_text_costs_the_report_its_tags_or_its_letters(self) -> None:
        metadata = pypdf.PdfReader(io.BytesIO(nasty_report())).xmp_metadata
        assert metadata is not None
        assert re.search(r"pdfuaid:part\W+1", metadata.stream.get_data().decode())
        assert "牙科診所" in typed()

    def test_a_text_of_many_pages_is_whole(self) -> None:
        words = [f"w{number}z" for number in range(6000)]
        row = lakeview().findings[0].model_copy(update={"measures": " ".join(words)})
        data = empty().model_copy(update={"findings": (row,)})
        whole = "".join(pages_of(render_pdf(data)))
        assert [word for word in words if word not in whole] == []

    def test_every_finding_asset_vendor_and_question_is_there(self) -> None:
        whole = "".join(draft()[1])
        data = lakeview()
        wanted = [one.title for one in data.findings] + [one.name for one in (*data.devices, *data.systems)]
        wanted += [one.name for one in data.vendors] + [one.topic for group in data.standards for one in group.answers]
        assert [text for text in wanted if squeezed(text) not in whole] == []
        assert all(f"R-{one.number}" in whole for one in data.findings)

    def test_empty_parts_say_that_they_are_empty(self) -> None:
        whole = "".join(pages_of(render_pdf(empty())))
        for title in ("Riskmanagementplan", "Unknowns", "Datacollection", "AppendixB:Evidence", "Currentsecuritymeasures"):
            assert title in whole
        assert whole.count("Nonerecorded.") >= 15
        assert "Thatisnotastatementthatthereisnone." in whole


class TestDraftAndSealed:
    def test_every_page_of_a_draft_says_so(self) -> None:
        assert all("DRAFT" in page for page in draft()[1])
        assert "SHA-256" not in draft()[1][-1]

    def test_every_page_of_a_sealed_report_has_its_hash_and_no_draft_mark(self) -> None:
        seal = short_and_sealed().seal
        assert seal is not None
        assert all(seal.sha256 in page for page in final()[1])
        assert not any("DRAFT" in page for page in final()[1])

    def test_pages_are_numbered_and_named(self) -> None:
        pages = final()[1]
        assert all(f"Page{number}of{len(pages)}" in page for number, page in enumerate(pages, start=1))
        assert all("LakeviewFamilyDental·SecurityRiskAnalysis,version3" in page for page in pages[1:])

    def test_changed_data_is_never_printed_under_an_old_seal(self) -> None:
        with pytest.raises(SealBroken):
            render_pdf(short_and_sealed().model_copy(update={"title": "Changed"}))

    def test_the_same_data_gives_the_same_bytes(self) -> None:
        assert render_pdf(lakeview()) == draft()[0]


class TestHonesty:
    def test_the_proposed_rule_is_only_in_its_own_labelled_section(self) -> None:
        pages = draft()[1]
        first = next(number for number, page in enumerate(pages) if "AppendixD:PROPOSED" in page and number > 1)
        assert all(PROPOSED in page for page in pages[first:])
        assert not any(PROPOSED in page for page in pages[2:first])
        proposed = lakeview().proposed
        assert proposed is not None
        for row in proposed.rows:
            assert squeezed(row.requirement) in "".join(pages[first:])
            assert squeezed(row.requirement) not in "".join(pages[:first])

    def test_an_unknown_is_printed_as_not_known(self) -> None:
        flow = next(edge for edge in lakeview().network_map.edges if edge.logged is None)
        unsure = flow.model_copy(update={"encrypted": None, "logged": None, "crosses_internet": None, "label": "theflow"})
        network = lakeview().network_map
        device = lakeview().devices[0].model_copy(update={"stores_ephi": None, "os_support": "unknown", "facts": ()})
        data = empty().model_copy(update={"network_map": network.model_copy(update={"edges": (unsure,)}), "devices": (device,)})
        whole = "".join(pages_of(render_pdf(data)))
        row = whole[whole.index("1theflow") :][:160]
        assert row.count("Notknown") == 3
        assert "Supportnotknown" in whole
        assert "Yes" not in row

    def test_the_level_is_said_to_be_a_look_up(self) -> None:
        whole = "".join(draft()[1])
        assert squeezed("It is a look-up, not a product of numbers") in whole
        assert squeezed("Table I-2 of NIST SP 800-30 Rev. 1") in whole

    def test_the_worst_risk_comes_first(self) -> None:
        whole = "".join(draft()[1])
        table = whole[whole.index("Onerowforeachrisk") :]
        order = [int(number) for number in re.findall(r"R-(\d+)(?:VeryHigh|High|Moderate|Low|VeryLow)", table)]
        ranks = {one.number: one.level.rank for one in lakeview().findings}
        shown = [ranks[number] for number in order[: len(ranks)]]
        assert shown == sorted(shown, reverse=True)


class TestFormat:
    @pytest.mark.parametrize("whole", [lakeview, empty], ids=["lakeview", "empty"])
    def test_it_claims_pdf_ua_1_and_pdf_a_2a(self, whole: Callable[[], ReportData]) -> None:
        reader = pypdf.PdfReader(io.BytesIO(draft()[0] if whole is lakeview else render_pdf(whole())))
        metadata = reader.xmp_metadata
        assert metadata is not None
        text = metadata.stream.get_data().decode()
        assert re.search(r"pdfuaid:part\W+1", text)
        assert re.search(r"pdfaid:part\W+2", text)
        assert re.search(r"pdfaid:conformance\W+A", text)

    def test_it_is_tagged_titled_and_in_english(self) -> None:
        reader = pypdf.PdfReader(io.BytesIO(draft()[0]))
        root: Any = reader.root_object
        assert root["/Lang"] == "en-US"
        assert root["/MarkInfo"]["/Marked"]
        assert reader.metadata is not None
        assert reader.metadata.title == "Security Risk Analysis: Lakeview Family Dental"
        assert [str(entry.title) for entry in reader.outline if not isinstance(entry, list)][:2] == [
            "1. Results at a glance",
            "2. Scope and exclusions",
        ]

    def test_a_logo_is_printed_with_its_description(self) -> None:
        brand = Brand(name="Keystone", logo=Logo(base64=PNG, description="Keystone logo"))
        reader = pypdf.PdfReader(io.BytesIO(render_pdf(empty().model_copy(update={"brand": brand}))))
        assert len(reader.pages[0].images) == 1

    def test_a_large_group_is_set_in_reasonable_time(self) -> None:
        before = time.process_time()
        reader = pypdf.PdfReader(io.BytesIO(render_pdf(large())))
        assert time.process_time() - before < 120
        assert len(reader.pages) > 100
        some = "".join(squeezed(page.extract_text()) for page in reader.pages[80:84])
        refs = sorted(int(number) for number in re.findall(r"R-(\d+)(?:VeryHigh|High|Moderate|Low)", some))
        assert len(refs) > 20
        assert "LikelihoodandimpactStatus,andwhatshowsit" in some
        sheets = [page for page in reader.pages if float(page.mediabox.width) not in {612.0, 792.0}]
        assert len(sheets) >= 6
