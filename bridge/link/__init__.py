"""The one TCP connection to the server: what comes of it, what is sent on it, and what is said of it."""
