"""Recipes as shipped: one YAML file each."""
