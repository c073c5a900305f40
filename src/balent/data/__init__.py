"""Data sets, index roles and pool views."""
