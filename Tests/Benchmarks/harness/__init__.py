"""The benchmark: starts servers and load, measures, and judges the figures against their targets."""
