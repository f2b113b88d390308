"""Run the embedded demo server: a real TCP server in the process, for a first look without a server of one's own."""
