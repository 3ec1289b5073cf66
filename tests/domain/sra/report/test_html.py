"""The HTML report: one file, nothing to load or run, everything escaped, and usable without eyes or colours."""

import functools
import itertools
import re
from html.parser import HTMLParser

import pytest

from domain.sra.report.brand import Brand, Logo
from domain.sra.report.html import POLICY, render_html, tag
from tests.domain.sra.report.sample import empty, lakeview, sealed
from tests.domain.sra.report.test_dataset import PNG
from tests.domain.sra.report.typed_text import NASTY, marked

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@functools.cache
def page() -> Page:
    return Page(render_html(lakeview()))


def test_elements_are_nested_properly() -> None:
    assert page().crossed == []
    assert page().open == []


def test_nothing_is_loaded_and_nothing_runs() -> None:
    source = render_html(lakeview())
    assert not page().all("script")
    assert not page().all("link")
    assert not page().all("iframe")
    sources = [attributes["src"] for _, attributes in page().elements if "src" in attributes]
    links = [attributes["href"] for _, attributes in page().elements if "href" in attributes]
    assert all(source.startswith("data:image/") for source in sources)
    assert all(link.startswith("#") for link in links)
    assert not [name for _, attributes in page().elements for name in attributes if name.startswith("on")]
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in page().all("meta")
    assert POLICY.startswith("default-src 'none'")
    assert "@import" not in source
    assert "url(" not in source


def test_it_can_be_used_by_ear() -> None:
    assert page().elements[0] == ("html", {"lang": "en"})
    assert len(page().all("h1")) == 1
    assert len(page().all("main")) == 1
    assert page().all("a")[0] == {"class": "skip", "href": "#report"}
    ids = [attributes["id"] for _, attributes in page().elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(link["href"].removeprefix("#") in ids for link in page().all("a"))
    levels = [int(name[1]) for name, _ in page().elements if re.fullmatch(r"h[1-6]", name)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_table_has_a_caption_and_headers_with_scope() -> None:
    tables = page().all("table")
    assert len(tables) == len(page().all("caption")) > 20
    assert {attributes.get("scope") for attributes in page().all("th")} == {"col", "row"}
    assert all(attributes.get("tabindex") == "0" for attributes in page().all("div") if attributes.get("role") == "region")


def test_the_map_is_an_image_with_words() -> None:
    drawing = page().all("svg")[0]
    assert drawing["role"] == "img"
    assert "Flow 1. sensor images to the server" in page().text
    assert "Main office, flat: LV-OP1-CAP (capture workstation, holds ePHI, OS out of support)" in page().text


def test_every_text_field_is_on_the_page() -> None:
    data, texts = marked(lambda word, path: word)
    whole = Page(render_html(data)).text.casefold()
    assert [path for path, text in texts.items() if text not in whole and path != "brand.logo.description"] == []


@pytest.mark.parametrize("nasty", NASTY)
def test_whatever_is_typed_stays_text(nasty: str) -> None:
    data, _ = marked(lambda word, path: f"{word} {nasty}")
    harmless, _ = marked(lambda word, path: f"{word} harmless" + "\n" * nasty.replace("\r\n", "\n").count("\n"))
    shown, expected = Page(render_html(data)), Page(render_html(harmless))
    kept = {"script", "b", "img", "a", "iframe", "table", "section", "h1", "h2", "h3"}
    assert [name for name, _ in shown.elements if name in kept] == [name for name, _ in expected.elements if name in kept]
    assert {name for name, _ in shown.elements} <= {name for name, _ in expected.elements} | {"br"}


def test_attributes_are_escaped_too() -> None:
    assert tag("p", "a<b", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;">a&lt;b</p>'


def test_a_draft_says_so_and_a_sealed_page_shows_its_hash() -> None:
    final = sealed(lakeview())
    assert final.seal is not None
    source = render_html(final)
    assert "DRAFT" not in Page(source).text
    assert Page(source).text.count(final.seal.sha256) == 2
    assert page().text.count("DRAFT") >= 3
    assert "DRAFT: Security Risk Analysis" in page().text


def test_the_proposed_rule_is_labelled() -> None:
    text = page().text
    assert text.count("PROPOSED — NOT LAW") >= 2
    proposed = lakeview().proposed
    assert proposed is not None
    start = text.rindex("PROPOSED — NOT LAW: readiness")
    assert all(row.requirement not in text[:start] for row in proposed.rows)


def test_empty_parts_say_that_they_are_empty() -> None:
    assert Page(render_html(empty())).text.count("None recorded.") >= 15


def test_a_logo_is_inside_the_file() -> None:
    brand = Brand(name="Keystone", logo=Logo(base64=PNG, description="Keystone logo"))
    picture = Page(render_html(empty().model_copy(update={"brand": brand}))).all("img")[0]
    assert picture == {"src": f"data:image/png;base64,{PNG}", "alt": "Keystone logo"}


def test_the_same_data_gives_the_same_page() -> None:
    assert render_html(lakeview()) == render_html(lakeview())
