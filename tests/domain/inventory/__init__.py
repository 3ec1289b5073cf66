"""Inventory: reading exports and surveys, telling operating systems apart, checking facts."""
