"""The price list: every edge of every step, and what can never be sold."""

import re
from pathlib import Path

import pytest

import billing
from billing.plans import Plan, price_list, read_price_list

TEXT = (Path(billing.__file__).parent / "plans.toml").read_text(encoding="utf-8")
PRACTICE = price_list().plan("practice")


def test_what_one_practice_pays() -> None:
    assert PRACTICE.rate(1) == 49_900
    assert (price_list().currency, price_list().trial_days, price_list().net_days) == ("usd", 14, 30)


@pytest.mark.parametrize("plan", price_list().plans, ids=lambda plan: plan.key)
def test_every_edge_of_every_step(plan: Plan) -> None:
    """Just before an edge the step below counts, from the edge on its own."""
    for below, step in zip((None, *plan.steps), plan.steps, strict=False):
        assert plan.rate(step.from_) == step.each
        assert plan.rate(step.from_ + 1) <= step.each
        assert below is None or plan.rate(step.from_ - 1) == below.each
    assert plan.rate(1_000_000) == plan.steps[-1].each
    single = plan.steps[0].each
    for below, step in zip((None, *plan.commitments), plan.commitments, strict=False):
        assert plan.rate(1, commitment=step.from_) == min(single, step.each)
        assert plan.rate(1, commitment=step.from_ - 1) == min(single, below.each if below else single)


@pytest.mark.parametrize("plan", price_list().plans, ids=lambda plan: plan.key)
def test_the_better_of_the_two_rates_counts_and_they_never_add_up(plan: Plan) -> None:
    for locations in range(1, 40):
        for commitment in range(0, 260, 5):
            rate = plan.rate(locations, commitment=commitment)
            assert rate == min(plan.rate(locations), plan.rate(1, commitment=commitment))
            assert rate in plan.rates, "so Stripe has a price for it"


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        (r"from = 1, each = 49900", "from = 2, each = 49900"),
        (r"from = 6, each = 39900", "from = 2, each = 39900"),
        (r"from = 6, each = 39900", "from = 6, each = 44900"),
        (r"from = 25, each = 39900", "from = 25, each = 45000"),
        (r"each = 34900", "each = -1"),
        (r'currency = "usd"', 'currency = "dollars"'),
        (r"trial_days = 14", "trial_days = -1"),
        (r"devices = 500", "devices = 0"),
        (r"without_approval = 0", "without_approval = 101"),
        (r"net_days = 30", "net_days = 30\ncolour = 1"),
    ],
)
def test_a_wrong_price_list_sells_nothing(was: str, instead: str) -> None:
    wrong, count = re.subn(was, instead, TEXT)
    assert count, "this test must change something"
    with pytest.raises(ValueError, match="validation error"):
        read_price_list(wrong)
