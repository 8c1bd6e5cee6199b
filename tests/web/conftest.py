"""The fixtures of `browsers`, which is a module of its own so that its name is unique and its types are checked."""

from browsers import axe, axe_source, browser, complaints, console, open_page, page, site

__all__ = ["axe", "axe_source", "browser", "complaints", "console", "open_page", "page", "site"]
