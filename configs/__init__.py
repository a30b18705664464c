"""Shipped experiments, one YAML each, found by name."""
