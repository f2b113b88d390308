"""Translate bytes to WebSocket frames and Socket.IO packets, and back; number messages with offsets. Sans-IO."""
