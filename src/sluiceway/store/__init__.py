"""Records in a database: tables, a writer that disturbs nobody, what is kept for how long, and reading them."""
