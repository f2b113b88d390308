"""Hold the one TCP connection to the server: dial, read, write, and tell its state."""
