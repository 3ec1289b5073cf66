"""What every answer says in its headers, whatever it is about."""

import pytest

from tests.makers import House


@pytest.mark.parametrize(("path", "status"), [("/organizations", 200), ("/nothing", 404)])
async def test_head_is_get_without_the_body(house: House, path: str, status: int) -> None:
    """RFC 9110 section 9.3.2."""
    msp = await house.tenant()
    whole, bare = await msp.get(path), await msp.request("HEAD", path)
    assert (whole.status_code, bare.status_code) == (status, status)
    assert bare.content == b""
    for name in ("content-length", "content-type", "content-security-policy", "x-content-type-options"):
        assert bare.headers[name] == whole.headers[name]


async def test_head_needs_a_credential_as_get_does(house: House) -> None:
    assert (await house.http.head("/v1/organizations")).status_code == 401
