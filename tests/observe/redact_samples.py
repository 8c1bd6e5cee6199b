"""Bodies of the four APIs with secrets and images in them, and pieces to build nasty ones from."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
ENCODED = base64.b64encode(PICTURE).decode()
PICTURE_MARK = f"<image {len(PICTURE)} bytes, sha256 {hashlib.sha256(PICTURE).hexdigest()}>"

# Made up; each has the form of its kind.
KEYS = {
    "sk-proj-Abc123Def456Ghi789Jkl012": "api-key",
    "sk-ant-api03-0123456789-abcdef_ghijkl": "api-key",
    "sk-sluice-0123456789abcdef0123456789abcdef": "api-key",
    "sk_live_0123456789abcdefABCDEF": "api-key",
    "gsk_0123456789abcdefghijABCDEFGHIJ": "api-key",
    "xai-0123456789abcdefghijABCDEFGHIJ": "api-key",
    "pplx-0123456789abcdefghijABCDEFGHIJ": "api-key",
    "hf_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh": "api-key",
    "r8_0123456789abcdefghijABCDEFGHIJ": "api-key",
    "npm_0123456789abcdefghijABCDEFGHIJ012345": "api-key",
    "glpat-0123456789_abcdefghij": "api-key",
    "AIzaSyA0123456789abcdefghijABCDEFGHIJ012": "google-key",
    "AKIAABCDEFGH01234567": "aws-key",
    "ASIAABCDEFGH01234567": "aws-key",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345": "github-token",
    "gho_0123456789abcdefghijABCDEFGHIJ012345": "github-token",
    "ghu_0123456789abcdefghijABCDEFGHIJ012345": "github-token",
    "ghs_0123456789abcdefghijABCDEFGHIJ012345": "github-token",
    "ghr_0123456789abcdefghijABCDEFGHIJ012345": "github-token",
    "github_pat_0123456789_abcdefghijABCDEFGHIJ": "github-token",
    "xoxb-0123456789-abcdefghij": "slack-token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": "jwt",
    "Bearer 0123456789abcdefghij": "bearer",
    "bearer 0123456789abcdefghij==": "bearer",
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIEow/+=\nabc\n"
    "-----END RSA PRIVATE KEY-----": "private-key",
    "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXk=\r\n-----END OPENSSH PRIVATE KEY-----": "private-key",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----": "private-key",
}

CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "stream": True,
    "messages": [
        {"role": "system", "content": "Deploy with:\nsk-proj-Abc123Def456Ghi789Jkl012"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this? — ☃"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
            ],
        },
    ],
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-4o",
    "input": [
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{ENCODED}"}],
        },
        {"type": "image_generation_call", "id": "ig_1", "result": ENCODED},
        {"type": "reasoning", "encrypted_content": "gAAAAABo" + "Zm9v" * 200},
    ],
    "tools": [
        {
            "type": "mcp",
            "server_url": "https://mcp.example/",
            "authorization": "any-thing at all",
            "headers": {"X-Api-Key": "short", "X-Trace": "kept"},
        }
    ],
}
MESSAGES: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 100,
    "mcp_servers": [{"url": "https://mcp.example/", "authorization_token": "t0k"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": ENCODED},
                },
                {
                    "type": "image",
                    "source": {"data": "AAECAwQFBgc=", "media_type": "image/webp", "type": "base64"},
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"},
                },
            ],
        },
        {"role": "assistant", "content": [{"type": "thinking", "signature": "EqQB" + "Zm9v" * 200}]},
    ],
}
IMAGE_EVENTS = (
    "event: image_generation.partial_image\n"
    f'data: {{"type":"image_generation.partial_image","partial_image_index":0,"b64_json":"{ENCODED}"}}\n\n'
    "event: image_generation.completed\n"
    f'data: {{"type":"image_generation.completed","b64_json":"{ENCODED}","usage":{{"total_tokens":9}}}}\n\n'
)
RESPONSES_EVENTS = (
    "event: response.image_generation_call.partial_image\n"
    f'data: {{"type":"response.image_generation_call.partial_image","partial_image_b64":"{ENCODED}"}}\n\n'
    "event: response.output_text.delta\n"
    'data: {"type":"response.output_text.delta","delta":"use AKIAABCDEFGH01234567"}\n\n'
    ": a comment\n\n"
)

# What strings in nasty bodies are made of: keys and halves of keys, quotes, escapes, image data, names of secrets.
FRAGMENTS = (
    *KEYS,
    *(key[:9] for key in KEYS),
    *("sk-", "eyJ", "Bearer ", "bearer ", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END x-----"),
    *('"', "\\", "\\\\", "\n", "\t", "/", "\x00", "é", "☃", "\ud83d", "\udc80", "😀", "\x7f", "\b", "\f"),
    *("data:image/png;base64,", ENCODED[:64], "iVBORw0KGgoAAAANSUhEUgAA" * 3, "b64_json", "AAECAwQFBgc="),
    *(
        "api_key",
        "password=",
        "secret: ",
        "Authorization",
        "access_token",
        '"api_key": "',
        "12345678901234567",
    ),
    *("a", "word ", "0", "abc123def456ghi789", "u0041", "n", "%20", "<", "[redacted]"),
)


def as_json(value: Any) -> bytes:
    """As clients write it: without spaces, characters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
