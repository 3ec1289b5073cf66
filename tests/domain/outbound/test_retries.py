"""When a webhook is tried again, and when it is given up."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from domain.outbound.egress import Answer, Failure, FailureCode
from domain.outbound.retries import SCHEDULE, Outcome, next_attempt, outcome, retry_after

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def make_answer(status: int | None, *, failure: FailureCode | None = None, retry_after: str | None = None) -> Answer:
    return Answer(
        status=status,
        headers={} if retry_after is None else {"retry-after": retry_after},
        body=b"",
        truncated=False,
        duration_ms=12,
        failure=Failure(failure, "A sentence.") if failure else None,
    )


def wait_after(attempts_made: int, answer: Answer | None, *, chance: float = 0.0) -> timedelta | None:
    moment = next_attempt(attempts_made, answer, NOW, chance=lambda: chance)
    return None if moment is None else moment - NOW


def test_the_schedule_is_the_one_of_the_specification() -> None:
    assert [wait_after(made, make_answer(500) if made else None) for made in range(11)] == [*SCHEDULE, None]
    assert [wait.total_seconds() for wait in SCHEDULE] == [
        0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400,
    ]  # fmt: skip
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


def test_the_first_attempt_is_made_at_once() -> None:
    assert next_attempt(0, None, NOW) == NOW


def test_an_attempt_whose_answer_was_lost_with_its_worker_is_followed_by_the_next() -> None:
    assert wait_after(3, None) == timedelta(minutes=30)


def test_jitter_adds_up_to_a_tenth_and_takes_nothing_away() -> None:
    assert wait_after(3, make_answer(500), chance=0.0) == timedelta(minutes=30)
    assert wait_after(3, make_answer(500), chance=0.5) == timedelta(minutes=31, seconds=30)
    assert wait_after(3, make_answer(500), chance=1.0) == timedelta(minutes=33)


def test_jitter_is_the_same_for_the_same_chance_and_spreads_otherwise() -> None:
    def moments(seed: int) -> list[datetime | None]:
        chance = random.Random(seed).random
        return [next_attempt(4, make_answer(500), NOW, chance=chance) for _ in range(20)]

    assert moments(1) == moments(1)
    assert len(set(moments(1))) == 20


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success_ends_it(status: int) -> None:
    assert outcome(make_answer(status), attempts_made=1) is Outcome.delivered
    assert wait_after(1, make_answer(status)) is None


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 400, 401, 403, 404, 422, 429, 500, 502, 503, 504])
def test_everything_else_that_is_answered_is_tried_again(status: int) -> None:
    assert outcome(make_answer(status), attempts_made=1) is Outcome.retry
    assert outcome(make_answer(status), attempts_made=9) is Outcome.retry
    assert outcome(make_answer(status), attempts_made=10) is Outcome.exhausted


@pytest.mark.parametrize("code", list(FailureCode))
def test_every_fault_on_the_way_is_tried_again(code: FailureCode) -> None:
    assert outcome(make_answer(None, failure=code), attempts_made=1) is Outcome.retry
    assert wait_after(1, make_answer(None, failure=code)) == timedelta(seconds=5)


def test_a_good_status_with_a_broken_answer_is_not_called_delivered() -> None:
    assert outcome(make_answer(200, failure=FailureCode.timeout), attempts_made=1) is Outcome.retry


@pytest.mark.parametrize("failure", [None, FailureCode.timeout])
def test_410_means_the_endpoint_is_gone(failure: FailureCode | None) -> None:
    answer = make_answer(410, failure=failure)
    assert outcome(answer, attempts_made=1) is Outcome.gone
    assert outcome(answer, attempts_made=10) is Outcome.gone
    assert wait_after(1, answer) is None


@pytest.mark.parametrize("status", [429, 502, 504])
def test_an_overloaded_receiver_is_given_longer(status: int) -> None:
    assert wait_after(1, make_answer(status)) == timedelta(minutes=1)
    assert wait_after(3, make_answer(status)) == timedelta(hours=1)
    assert wait_after(9, make_answer(status)) == DAY


@pytest.mark.parametrize("status", [301, 429, 500, 503])
def test_retry_after_lengthens_the_wait(status: int) -> None:
    assert wait_after(1, make_answer(status, retry_after="120")) == timedelta(minutes=2)


@pytest.mark.parametrize("asked", ["0", "3", "Sun, 22 Nov 2026 09:00:00 GMT"])
def test_retry_after_never_shortens_the_wait(asked: str) -> None:
    assert wait_after(2, make_answer(503, retry_after=asked)) == timedelta(minutes=5)


@pytest.mark.parametrize("asked", ["86401", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_bounded_by_a_day(asked: str) -> None:
    assert wait_after(1, make_answer(503, retry_after=asked)) == DAY


@pytest.mark.parametrize(
    "date", ["Sun, 22 Nov 2026 10:20:00 GMT", "Sunday, 22-Nov-26 10:20:00 GMT", "Sun Nov 22 10:20:00 2026"]
)
def test_all_three_forms_of_an_http_date_are_read(date: str) -> None:
    assert retry_after({"retry-after": date}, NOW) == timedelta(minutes=20)


@pytest.mark.parametrize(
    "nonsense",
    [
        *("", " ", "\0", "soon", "-5", "1.5", "1e3", "0x10", "٣", "²"),
        *("Sun, 99 Nov 2026 10:20:00 GMT", "Sun, 22 Nov 99999999999 10:20:00 GMT"),
    ],
)
def test_an_unreadable_retry_after_counts_for_nothing(nonsense: str) -> None:
    assert retry_after({"retry-after": nonsense}, NOW) is None
    assert wait_after(1, make_answer(503, retry_after=nonsense)) == timedelta(seconds=5)


def test_no_retry_after_at_all_breaks_the_reading() -> None:
    chance = random.Random(7)
    for _ in range(5000):
        text = "".join(chance.choices("0123456789 ,:-+GMTSunNov\x00é", k=chance.randrange(40)))
        asked = retry_after({"retry-after": text}, NOW)
        assert asked is None or timedelta(0) <= asked <= DAY
