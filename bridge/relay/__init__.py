"""Relay messages and events: users, routing, hooks, acks and replies. No I/O of its own, and no eventlet."""
