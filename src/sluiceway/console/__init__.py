"""The console's API: what administrators see and do, under `/api`."""
