"""The Security Risk Analysis: the catalogue of law, questions and rules, the answers, the findings and the report."""
