"""What is kept and told about requests."""
