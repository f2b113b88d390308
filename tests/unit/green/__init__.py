"""Unit tests that run on eventlet, in a process that tests/unit/apart.py starts."""
