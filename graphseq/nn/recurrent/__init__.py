"""Encoders with a recurrent state along time."""
