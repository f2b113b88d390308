"""Bytes to frames and frames to bytes, for every framing in the registry. Sans-IO."""
