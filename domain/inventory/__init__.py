"""What a practice has: devices, systems, partners, flows, and the imports and facts that describe them."""
