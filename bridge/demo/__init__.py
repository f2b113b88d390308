"""The embedded demo server: a real TCP server inside the process, for a first look without a server of one's own."""
