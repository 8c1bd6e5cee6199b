"""The simulated provider: a documented tool to test clients with.

settings.py   the knobs, their defaults, and how a request overrides them
words.py      deterministic words and tool arguments
chat.py       chat answers, as JSON and as chunks, from a request and a seed
pace.py       when each token comes
scene.py      an answer, and the script of bytes, waits and breaks that delivers it
faults/       everything that can go wrong, one function each
journal.py    what was received, and how it ended
endpoints.py  the other paths: models, embeddings, transcriptions
app.py        routing
perform.py    the one place that does I/O: plays a script on a connection
server.py     uvicorn around it
testing.py    a provider in a background thread, for your tests
"""
