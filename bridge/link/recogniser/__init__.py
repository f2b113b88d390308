"""Recognise what a server's bytes look like, and the framing that fits. Sans-IO."""
