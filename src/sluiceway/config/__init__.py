"""Configuration: frozen structs, loading, validation."""
