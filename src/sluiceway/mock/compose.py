"""What an answer says, before any API gives it a form: words, tool calls, thoughts, ids, token counts.

Pure functions of what was asked, the settings and a seed. One seed says the same words in every API, so a
translation from one API to another can be checked to the last character.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, TypeVar

import msgspec

from sluiceway.errors import InvalidRequest
from sluiceway.mock.settings import MAX_TOKENS, MockSettings
from sluiceway.mock.words import arguments, cut, seeded, split_text, words

_CREATED = 1_700_000_000  # answers of one seed are made at one time
_CREATED_RANGE = 10_000_000
_CHARS_PER_TOKEN = 4
_TOKENS_PER_TURN = 4  # what a turn costs besides its text, and below what a prompt costs: as OpenAI counts
_TOKENS_PER_PROMPT = 3

_T = TypeVar("_T")


class Function(msgspec.Struct, frozen=True):
    """A tool that may be called; `parameters` is its JSON schema, if it has one."""

    name: str = "lookup"
    parameters: Any = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a request an answer depends on, whatever the API.

    `said`: the conversation as it came, of which a seed is made. `texts`: the text of each turn. `chosen`:
    the name of the one function to call. `may_call`: false after a tool's result, or if calls are forbidden.
    `stops`: texts before which an answer ends. `reasoning`: tokens of thought if the knob has none.
    """

    model: str
    said: Any
    texts: tuple[str, ...]
    last_user_text: str
    functions: tuple[Function, ...] = ()
    chosen: str | None = None
    may_call: bool = True
    limit: int | None = None
    stops: tuple[str, ...] = ()
    seed: int | None = None
    count: int = 1
    reasoning: int = 0


class ToolCall(msgspec.Struct, frozen=True):
    """One call; its arguments (JSON text) in the pieces they are streamed in. `key`: its id, unprefixed."""

    key: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """The arguments, whole."""
        return "".join(self.pieces)


class Choice(msgspec.Struct, frozen=True):
    """One choice, in tokens. `cut_short`: it ran into the request's limit. `stopped_by`: it came to this text,
    which the request had named.
    """

    reasoning: tuple[str, ...]
    content: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    cut_short: bool = False
    stopped_by: str | None = None

    @property
    def token_count(self) -> int:
        """Tokens as usage counts them."""
        return len(self.reasoning) + len(self.content) + sum(len(call.pieces) for call in self.tool_calls)


class Answer(msgspec.Struct, frozen=True):
    """An answer before it has a form. `key`: its id, 24 hexadecimal digits, unprefixed."""

    key: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices, thoughts included."""
        return sum(choice.token_count for choice in self.choices)

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of thought of all choices."""
        return sum(len(choice.reasoning) for choice in self.choices)

    @property
    def seal(self) -> str:
        """What goes along with thoughts, and says nothing to anybody but their provider: base64."""
        return base64.b64encode(hashlib.sha256(self.key.encode()).digest()).decode()


def read_json(body: bytes, kind: type[_T]) -> _T:
    """A request body as a struct. Raises `InvalidRequest` that names the field at fault (`param`)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        field = where.strip(".`") or (reason.split("`")[1] if "missing required field" in reason else None)
        raise InvalidRequest(f"{reason}{f' ({field})' if where else ''}.", param=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("The request body is not valid JSON.") from None


def compose(asked: Asked, settings: MockSettings) -> Answer:
    """What the answer says."""
    seed = seed_for(asked, settings)
    digest = hashlib.sha256(str(seed).encode()).hexdigest()
    return Answer(
        key=digest[:24],
        created=_CREATED + int(digest[24:32], 16) % _CREATED_RANGE,
        model=asked.model,
        choices=tuple(_choice(asked, settings, seed, index) for index in range(asked.count)),
        prompt_tokens=prompt_tokens(asked),
    )


def seed_for(asked: Asked, settings: MockSettings) -> int:
    """The knob, else the request's own seed, else one made from what was said."""
    if settings.seed is not None:
        return settings.seed
    if asked.seed is not None:
        return asked.seed
    canonical = msgspec.json.encode(asked.said, order="deterministic")
    return int.from_bytes(hashlib.sha256(canonical).digest()[:4])


def prompt_tokens(asked: Asked) -> int:
    """What the prompt costs, near enough."""
    return _TOKENS_PER_PROMPT + sum(_TOKENS_PER_TURN + len(text) // _CHARS_PER_TOKEN for text in asked.texts)


def text_of(content: Any) -> str:
    """The text of a turn: a string, or a list of parts of which some have a `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def last_user_text(turns: list[dict[str, Any]]) -> str:
    """The text of the last turn that is the user's."""
    contents = (turn.get("content") for turn in reversed(turns) if turn.get("role") == "user")
    return text_of(next(contents, None))


def _choice(asked: Asked, settings: MockSettings, seed: int, index: int) -> Choice:
    # A generator of their own: thoughts must not change the words that follow them.
    reasoning = words(seeded(seed, index, "reasoning"), settings.reasoning or asked.reasoning)
    calls = _tool_calls(asked, settings, seed, index)
    if calls:
        return Choice(reasoning, (), calls)
    said = split_text(asked.last_user_text) if settings.echo else words(seeded(seed, index), settings.tokens)
    limit = min(asked.limit or MAX_TOKENS, MAX_TOKENS)
    content, stopped_by = _until(said[:limit], asked.stops)
    return Choice(reasoning, content, (), len(said) > limit and stopped_by is None, stopped_by)


def _until(tokens: tuple[str, ...], stops: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """The tokens before the first of the stops, and that stop; all of them and None if there is none."""
    text = "".join(tokens)
    found = [(text.index(stop), stop) for stop in stops if stop in text]
    if not found:
        return tokens, None
    left, stop = min(found)
    kept = []
    for token in tokens:
        kept.append(token[:left])
        left -= len(kept[-1])
    return tuple(filter(None, kept)), stop


def _tool_calls(asked: Asked, settings: MockSettings, seed: int, index: int) -> tuple[ToolCall, ...]:
    wanted = settings.tools if settings.tools is not None else int(bool(asked.functions))
    if not wanted or not asked.may_call:
        return ()
    functions = asked.functions or (Function(),)
    functions = tuple(function for function in functions if function.name == asked.chosen) or functions
    calls = []
    for number in range(wanted):
        rng = seeded(seed, index, "tool", number)
        function = functions[number % len(functions)]
        text = arguments(rng, function.parameters)
        calls.append(ToolCall(f"{rng.getrandbits(96):024x}", function.name, cut(rng, text)))
    return tuple(calls)
