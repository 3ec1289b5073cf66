"""Exports of remote management tools and the technician's survey, against the results the samples prescribe."""
