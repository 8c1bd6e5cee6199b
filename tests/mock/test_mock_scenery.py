"""What is to be seen, and who decides it: the prompt's words, then the seed."""

from __future__ import annotations

import pytest

from sluiceway.mock.scenery import MOODS, scenery_for


@pytest.mark.parametrize(
    ("prompt", "mood"),
    [
        ("An otter at SUNSET", "dusk"),
        ("a clear winter night", "night"),
        ("a misty morning, please", "dawn"),
        ("autumn leaves", "autumn"),
    ],
)
def test_the_last_word_that_names_a_mood_chooses_it(prompt: str, mood: str) -> None:
    assert {scenery_for(seed, prompt).mood.name for seed in range(5)} == {mood}


def test_where_the_words_are_silent_the_seed_chooses() -> None:
    assert {scenery_for(seed, "an otter").mood for seed in range(60)} == set(MOODS)
    assert scenery_for(7, "an otter") == scenery_for(7, "An  otter!")


def test_boats_gates_birds_and_northern_lights_come_if_they_are_called() -> None:
    for seed in range(20):
        assert scenery_for(seed, "two boats").boats >= 2
        assert scenery_for(seed, "the old sluice").gates >= 5
        assert scenery_for(seed, "gulls").birds >= 5
        assert scenery_for(seed, "aurora").aurora


def test_the_keeper_lives_across_from_the_sun() -> None:
    for seed in range(20):
        scenery = scenery_for(seed, "")
        assert (scenery.sun[0] - 0.5) * scenery.sluice_side < 0
