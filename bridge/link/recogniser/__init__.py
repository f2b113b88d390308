"""What the bytes of a server look like, and the framing that fits. Sans-IO."""
