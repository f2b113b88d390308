"""The version, in one place: `from bridge.version import VERSION`."""

__all__ = ["VERSION"]

VERSION = "0.2.0"
