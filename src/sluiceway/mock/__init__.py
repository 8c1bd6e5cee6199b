"""The simulated provider: a documented tool to test clients with.

settings.py   the knobs, their defaults, and how a request overrides them
words.py      deterministic words and tool arguments
compose.py    what an answer says, in any API, from what was asked and a seed
chat.py       chat answers, as JSON and as chunks; responses.py, messages.py and images.py alike
pictures.py   the pictures
pace.py       when each token comes
scene.py      an answer, and the script of bytes, waits and breaks that delivers it
faults/       everything that can go wrong, one function each
journal.py    what was received, and how it ended
stage.py      what all endpoints do alike: knobs and faults of one request
*_endpoint.py from a request to a script, one file for each API
endpoints.py  the other paths: models, embeddings, transcriptions
app.py        routing
perform.py    the one place that does I/O: plays a script on a connection
server.py     uvicorn around it
testing.py    a provider in a background thread, for your tests
"""
