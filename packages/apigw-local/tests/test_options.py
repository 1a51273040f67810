"""Options as text."""

from __future__ import annotations

import dataclasses

import pytest

from apigw_local.errors import LocalError
from apigw_local.faults import FaultSettings
from apigw_local.gateway.quotas import Quotas
from apigw_local.options import parse


def test_what_is_not_named_keeps_its_default() -> None:
    """A text changes what it names, and nothing else."""
    assert parse(Quotas, "frame_bytes=1024, idle_seconds=0.5", "limits") == Quotas(
        frame_bytes=1024, idle_seconds=0.5
    )
    assert parse(FaultSettings, "frozen=on,seed=7,reset_post_rate=0.25,", "chaos") == FaultSettings(
        frozen=True, seed=7, reset_post_rate=0.25
    )


def test_empty_text_gives_the_defaults() -> None:
    """No text, no change."""
    assert parse(Quotas, "", "limits") == Quotas()


@pytest.mark.parametrize("kind", [Quotas, FaultSettings])
def test_every_option_can_be_given(kind: type[Quotas | FaultSettings]) -> None:
    """Each field takes the text of its own default."""
    text = ",".join(f"{key}={value}" for key, value in dataclasses.asdict(kind()).items())
    assert parse(kind, text, "chaos") == kind()


@pytest.mark.parametrize(
    ("text", "value"), [("on", True), ("TRUE", True), ("1", True), ("off", False), ("0", False)]
)
def test_switches_read_like_switches(text: str, value: bool) -> None:  # noqa: FBT001 - parametrised
    """A switch is on or off, in several spellings."""
    assert parse(FaultSettings, f"frozen={text}", "chaos").frozen is value


def test_unknown_key_names_the_nearest_and_all() -> None:
    """A misspelt key is answered with what was meant, and with what there is."""
    with pytest.raises(LocalError) as refusal:
        parse(FaultSettings, "lost_disconect_rate=0.1", "chaos")
    text = str(refusal.value)
    assert "chaos has no 'lost_disconect_rate'. Did you mean 'lost_disconnect_rate'?" in text
    assert all(field.name in text for field in dataclasses.fields(FaultSettings))


def test_key_unlike_any_is_answered_without_a_guess() -> None:
    """Nothing is guessed where nothing is near."""
    with pytest.raises(LocalError, match=r"^limits has no 'zzz'\. There are: frame_bytes, "):
        parse(Quotas, "zzz=1", "limits")


def test_key_given_twice_is_refused() -> None:
    """Two values for one key are a mistake, not a choice."""
    with pytest.raises(LocalError, match="seed is given twice, the second time as 'seed=2'"):
        parse(FaultSettings, "seed=1,seed=2", "chaos")


@pytest.mark.parametrize(
    ("pair", "accepted"),
    [
        ("seed=x", "a whole number from 0, not 'x'"),
        ("seed=1.5", "a whole number from 0, not '1.5'"),
        ("seed=-1", "a whole number from 0, not '-1'"),
        ("seed", "a whole number from 0, not ''"),
        ("reorder_seconds=-0.1", "a number from 0, not '-0.1'"),
        ("reorder_seconds=inf", "a number from 0, not 'inf'"),
        ("reorder_seconds=nan", "a number from 0, not 'nan'"),
        ("reset_post_rate=1.1", "a share from 0 to 1, not '1.1'"),
        ("reset_post_rate=10%", "a share from 0 to 1, not '10%'"),
        ("frozen=maybe", "on or off, not 'maybe'"),
    ],
)
def test_bad_value_names_key_value_and_what_is_accepted(pair: str, accepted: str) -> None:
    """A value that a key can't take is refused in words that mend it."""
    key = pair.partition("=")[0]
    with pytest.raises(LocalError) as refusal:
        parse(FaultSettings, pair, "chaos")
    assert str(refusal.value) == f"{key} takes {accepted}."
