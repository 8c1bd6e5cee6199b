"""Connections to upstreams, and the pool that keeps them."""
