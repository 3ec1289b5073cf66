"""Ticketing: a task and its ticket in the MSP's own tool stay in step, both ways."""
