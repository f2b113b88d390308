"""Cut bytes into frames, and frame payloads, for every framing in the registry. Sans-IO."""
