"""Queue what waits for the link, hold it while the link is down, and tell what became of each message."""
