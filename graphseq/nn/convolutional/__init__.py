"""Encoders that are stacks of layers: graph convolutions, and the multilayer perceptron that looks at no neighbour."""
