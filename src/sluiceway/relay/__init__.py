"""From the upstream's bytes to the client's: the push state machine and its sinks."""
