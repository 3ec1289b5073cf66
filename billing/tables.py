"""Every table of billing, imported once, so that the metadata is whole."""

from billing.accounts import Account
from billing.calls import StripeCall
from billing.charges import Charge
from billing.dunning import InvoiceReminder
from billing.inbox import StripeEvent
from billing.invoices import Invoice, Payment
from billing.quotes import Quote
from billing.subscription_rows import Subscription

TABLES = (Account, Charge, Invoice, InvoiceReminder, Payment, Quote, StripeCall, StripeEvent, Subscription)
