"""Inventory that is fetched: connections to management tools, each pulled on a schedule into an import for the whole tenant.

What a tool answers is turned into the very documents that somebody could have exported from it by hand, and takes the same
way from there: parsing, mapping of sites, import of each organization. There is no second way in.
"""
