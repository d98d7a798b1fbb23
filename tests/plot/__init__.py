"""Figures, and pictures as data."""
