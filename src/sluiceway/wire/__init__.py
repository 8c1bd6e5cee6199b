"""Pure codecs: bytes to values and back. No asyncio, no I/O."""
