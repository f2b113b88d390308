"""Bytes to WebSocket frames to Socket.IO packets and back, and the offsets of messages. Sans-IO."""
