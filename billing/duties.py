"""What money asks of the worker. The domain's worker knows nothing of it: whoever starts one brings this along."""

from datetime import timedelta

from billing.bookkeeping import keep_books
from domain.worker import Chore, Duties

DUTIES = Duties(jobs={}, at_once={}, chores=(Chore("billing.keep_books", timedelta(hours=1), keep_books),))
