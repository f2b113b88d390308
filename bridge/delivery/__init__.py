"""A burst to its clients: encoded once, kept in the history, put into outboxes, within every limit."""
