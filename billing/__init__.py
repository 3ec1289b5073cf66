"""Money: plans, quotes, subscriptions and invoices. Imports the domain; is imported by the doors."""
