"""One file a step, each with the tables as they were then: never changed once it was released."""
