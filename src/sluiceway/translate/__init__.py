"""Translation between the chat, responses and messages dialects, through one neutral form; pure."""
