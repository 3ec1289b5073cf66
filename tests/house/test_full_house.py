"""The full house is full: what the walks do not reach, they do not hold."""

from tests.house.full import FullHouse
from tests.house.operations import operations


async def test_every_placeholder_of_the_contract_has_a_row(theirs: FullHouse) -> None:
    named = {name for operation in operations() for name in operation.placeholders}
    assert named - theirs.ids.keys() == set(), "make one of these in tests/house/full.py"
