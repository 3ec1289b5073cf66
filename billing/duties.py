"""What money asks of the worker. The domain's worker knows nothing of it: whoever starts one brings this along."""

from datetime import timedelta

from billing.accounts import PUSH
from billing.bookkeeping import keep_books
from billing.handing_over import HAND_OVER, hand_over, hand_over_what_is_stuck
from billing.inbox import HANDLE, act_on, forget_old_events
from billing.pushing import push
from billing.reconcile import reconcile_chore
from domain.worker import Chore, Duties

DUTIES = Duties(
    jobs={PUSH: push, HANDLE: act_on, HAND_OVER: hand_over},
    at_once={PUSH: 4, HANDLE: 4, HAND_OVER: 1},
    chores=(
        Chore("billing.keep_books", timedelta(hours=1), keep_books),
        Chore("billing.reconcile", timedelta(days=1), reconcile_chore),
        Chore("transfers.hand_over_what_is_stuck", timedelta(minutes=10), hand_over_what_is_stuck),
        Chore("billing.forget_events", timedelta(hours=1), forget_old_events),
    ),
)
"""Stripe allows a hundred calls a second; four accounts at once stay far below that."""
