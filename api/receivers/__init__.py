"""Receivers of webhooks to begin with, in Python and in TypeScript: ``/docs`` shows them, and the suite runs them."""
