"""What waits for the link: the queue in front of its writer, what is held, and what became of each message."""
