"""What stands where the console would be, if it was not built: a checkout, or a package made without it."""

from __future__ import annotations

from typing import Final

MISSING: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sluiceway</title>
<style nonce="SLUICEWAY_NONCE">
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.2rem }
  code { font-family: ui-monospace, monospace; background: color-mix(in srgb, currentColor 10%, transparent);
         padding: .15em .4em; border-radius: .3em }
</style>
<h1>The gateway runs; its console was not built</h1>
<p>Models are served under <code>/v1</code> all the same, and <code>/api</code> has all that the console shows.</p>
<p>In a checkout, <code>make web</code> builds the console. It takes Node 20.19 or later from this machine, or
installs one beside the project. Reload this page when it is done; the gateway need not be restarted.</p>
</html>
"""
