"""The benchmark; README.md says what it measures, `__main__` how to run it."""
