"""Settings: read once, checked before anything starts, errors that name the variable."""

from pathlib import Path

import pytest

from warren.chassis.settings import DEFAULT_JWT_SECRET, Settings, SettingsError, duration_seconds, load_or_exit

SECRET = "0123456789abcdef0123456789abcdef-own"


def load(**environ: str) -> Settings:
    return Settings.load("auth", environ)


def refused(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_variables_everything_has_its_default() -> None:
    settings = load()
    assert (settings.port, settings.node_env, settings.rate_limits) == (5000, "development", True)
    assert settings.server_id.startswith("auth-") and settings.server_id.endswith("-5000")


def test_values_are_converted_to_their_types() -> None:
    settings = load(PORT="7100", RATE_LIMITS="off", CLUSTER_MODE="1", JWT_EXPIRE="90m", SERVER_ID="auth-9")
    assert (settings.port, settings.rate_limits, settings.cluster_mode) == (7100, False, True)
    assert settings.session_seconds == 5400 and settings.server_id == "auth-9"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load(PORT="", JWT_SECRET="").jwt_secret == DEFAULT_JWT_SECRET


def test_a_variable_may_be_the_content_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    assert load(JWT_SECRET_FILE=str(tmp_path / "secret"), JWT_SECRET="x" * 40).jwt_secret == SECRET


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refused(JWT_SECRET_FILE=str(tmp_path / "none")).startswith("JWT_SECRET_FILE: cannot read ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "zero"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("NODE_ENV", "staging"),
        ("RATE_LIMITS", "maybe"),
        ("JWT_EXPIRE", "7"),
        ("JWT_EXPIRE", "a week"),
        ("ROOM_PARTITIONS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_named_and_shown(variable: str, value: str) -> None:
    message = refused(**{variable: value})
    assert message.startswith(f"{variable}: ") and value in message


def test_a_bad_secret_is_named_but_not_shown() -> None:
    message = refused(JWT_SECRET="hunter2")
    assert message.startswith("JWT_SECRET: ") and "hunter2" not in message


def test_production_refuses_the_default_secret() -> None:
    assert refused(NODE_ENV="production").startswith("JWT_SECRET: production needs a secret of your own")
    assert load(NODE_ENV="production", JWT_SECRET=SECRET).jwt_secret == SECRET


def test_production_refuses_to_go_without_rate_limits() -> None:
    assert refused(NODE_ENV="production", JWT_SECRET=SECRET, RATE_LIMITS="off").startswith("RATE_LIMITS: ")


@pytest.mark.parametrize(("text", "seconds"), [("45s", 45), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration_seconds(text) == seconds


def test_origins_are_compared_without_a_slash_at_the_end() -> None:
    settings = load(CLIENT_URL="https://chat.example/, http://localhost:3000 ,")
    assert settings.origins == {"https://chat.example", "http://localhost:3000"}


def test_what_is_registered_is_what_others_reach() -> None:
    assert load(HOST="127.0.0.1").address == "127.0.0.1"
    assert load(HOST="0.0.0.0", ADVERTISE_ADDRESS="10.0.0.5").address == "10.0.0.5"


def test_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Settings, "auth", {}, ["--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(name.upper() in shown for name in Settings.__struct_fields__)


def test_a_bad_value_ends_the_program_with_one_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Settings, "auth", {"PORT": "zero"}, [])
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert shown.startswith("services.auth: PORT: ") and shown.count("\n") == 1


def test_settings_can_be_checked_without_starting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Settings, "auth", {}, ["--check-settings"])
    assert caught.value.code == 0 and "valid" in capsys.readouterr().out


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Settings, "auth", {}, ["--fast"])
    assert "--fast" in str(caught.value.code)
