"""Recognise clients that come back, and find what they missed."""
