"""The thread in which all green threads take turns, what other threads of the system ask of it, and who watches it."""
