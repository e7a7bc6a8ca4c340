"""The experiment on text: train a model on the next character of a text."""
