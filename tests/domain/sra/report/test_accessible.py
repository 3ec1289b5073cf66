"""Both reports as somebody meets them who cannot see: the page before axe-core in a real browser, the PDF by its tags."""

import io
import itertools
from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.generic import ArrayObject, DictionaryObject

from domain.sra.report.brand import Brand, Logo
from domain.sra.report.html import render_html
from domain.sra.report.pdf import render_pdf
from tests.api.screens.browser import CHROMIUM, NEEDS_CHROMIUM, RULES
from tests.domain.sra.report.sample import empty, lakeview, sealed
from tests.domain.sra.report.test_dataset import PNG


@NEEDS_CHROMIUM
def test_axe_finds_nothing_against_the_page() -> None:
    """WCAG 2.2 AA: a draft, a sealed report with a logo, and an empty one; on a wide screen and a narrow one."""
    from axe_playwright_python.sync_playwright import Axe  # pyright: ignore[reportMissingTypeStubs]  it ships none
    from playwright.sync_api import sync_playwright

    branded = Brand(name="Bright MSP", colour="#7a1f5c", logo=Logo(base64=PNG, description="A bright tooth"))
    short = lakeview().model_copy(update={"findings": lakeview().findings[:12], "standards": lakeview().standards[:2]})
    short = short.model_copy(update={"plan": (), "brand": branded})
    pages = {"draft": render_html(short), "sealed": render_html(sealed(short)), "empty": render_html(empty())}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, source in pages.items():
            page = browser.new_page(viewport={"width": 1280 if name != "sealed" else 400, "height": 900}, bypass_csp=True)
            page.set_content(source)
            axe: Any = Axe()
            found = axe.run(page, options={"runOnly": {"type": "tag", "values": list(RULES)}}).response
            broken = [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]
            assert broken == [], name
            assert len(found["passes"]) > 15, "axe has looked"
            page.close()
        browser.close()


def elements(node: Any) -> Iterator[Any]:
    """Every structure element of a tagged PDF, in reading order."""
    node = node.get_object()
    if isinstance(node, ArrayObject):
        for each in node:
            yield from elements(each)
    elif isinstance(node, DictionaryObject):
        if "/S" in node:
            yield node
        if "/K" in node:
            yield from elements(node["/K"])


def test_the_pdf_is_read_in_order_by_its_tags() -> None:
    short = lakeview().model_copy(
        update={"findings": lakeview().findings[:12], "standards": lakeview().standards[:2], "plan": ()}
    )
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(sealed(short))))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith("en")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    found = list(elements(root["/StructTreeRoot"]["/K"]))
    kinds = [str(each["/S"]) for each in found]
    assert kinds.count("/Title") + kinds.count("/H1") >= 18, "every section has its heading"
    levels = [int(kind[2:]) for kind in kinds if kind[:2] == "/H" and kind[2:].isdigit()]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), "no level is left out"
    figures = [each for each in found if each["/S"] == "/Figure"]
    assert figures
    assert all(each.get("/Alt") for each in figures), "every drawing is said in words too"
    tables = [each for each in found if each["/S"] == "/Table"]
    assert len(tables) > 10
    for each in tables:
        inside = [str(cell["/S"]) for cell in elements(each["/K"])]
        assert "/TH" in inside, "every table has headings"
    assert all("/StructParents" in page for page in reader.pages), "nothing on a page is without a place in the tree"
