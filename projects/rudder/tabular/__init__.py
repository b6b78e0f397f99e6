"""Learners with a table, on tasks whose exact values are known."""
