"""Encoders with a state that goes along time."""
