"""The tenant's brand: only what can be printed and read is taken, and the report wears it."""

import pytest

from tests.api.v1.nouns import faults
from tests.domain.sra.report.test_dataset import PNG
from tests.makers import House, expect, make_assessment


@pytest.mark.parametrize(
    ("brand", "fault"),
    [
        ({"colour": "#ffff00"}, ("/brand/colour", "low_contrast")),
        ({"colour": "red"}, ("/brand/colour", "string_pattern_mismatch")),
        ({"logo": {"base64": "PHN2Zz48L3N2Zz4=", "description": "A drawing"}}, ("/brand/logo/base64", "not_a_picture")),
        ({"logo": {"base64": PNG}}, ("/brand/logo/description", "missing")),
        ({"font": "Comic Sans"}, ("/brand/font", "extra_forbidden")),
    ],
)
async def test_what_cannot_be_printed_or_read_is_refused(
    house: House, brand: dict[str, object], fault: tuple[str, str]
) -> None:
    msp = await house.tenant()
    assert faults(await msp.patch("/tenant", {"brand": brand})) == {fault}


async def test_the_report_wears_the_brand(house: House) -> None:
    msp = await house.tenant()
    brand = {"name": "Bright & <b>Sons</b>", "colour": "#7a1f5c", "logo": {"base64": PNG, "description": "A bright tooth"}}
    assert expect(await msp.patch("/tenant", {"brand": brand}), 200)["brand"] == brand
    opened = await make_assessment(msp, await house.organization(msp))
    page = (await msp.get(f"/assessments/{opened['id']}/report", headers={"Accept": "text/html"})).text
    assert "#7a1f5c" in page
    assert f"data:image/png;base64,{PNG}" in page
    assert 'alt="A bright tooth"' in page
    assert "Bright &amp; &lt;b&gt;Sons&lt;/b&gt;" in page
    told = await msp.get_json("/audit-log", params={"limit": 200})
    assert PNG not in str(told), "a picture has no place in the audit trail"
