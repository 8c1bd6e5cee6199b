"""What requests have to know of one another: limits, budgets and places, in one process or in many."""
