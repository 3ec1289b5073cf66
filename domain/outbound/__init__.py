"""Everything Bitewing sends to hosts it does not run: signed webhooks, and requests to customers' own systems."""
