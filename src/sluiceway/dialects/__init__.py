"""One file per API; see `base` for what a dialect is. Pure."""
