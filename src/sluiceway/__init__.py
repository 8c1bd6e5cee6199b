"""Sluiceway: a self-hosted, streaming-first AI gateway. A stream never dies quietly."""

__version__ = "0.1.0"
