"""Who comes back, as whom, and from which message on."""
